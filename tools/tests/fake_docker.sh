#!/bin/sh
# A docker that builds nothing, and writes down what it is asked.
echo "$*" >> "$FAKE_DOCKER_LOG"
case "$*" in
    compose*" up "*) exit "${FAKE_UP_CODE:-0}" ;;
    compose*" run "*) exit "${FAKE_TESTS_CODE:-0}" ;;
esac
case "$1 $2" in
    "buildx build")
        [ -z "$FAKE_DOCKER_FAILS" ] || exit 1
        while [ "$1" != --metadata-file ]; do shift; done
        echo '{"containerimage.digest": "sha256:beef"}' > "$2"
        ;;
    create*) echo container ;;
    "cp --quiet")
        [ -z "$FAKE_DOCKER_IS_EMPTY" ] || exit 0
        mkdir "$4/rack-1.0.dist-info"
        printf 'Metadata-Version: 2.4\nName: rack\nVersion: 1.0\nLicense-Expression: MIT\n' > "$4/rack-1.0.dist-info/METADATA"
        ;;
    "inspect -f") echo sha256:ba5e ;;
esac
