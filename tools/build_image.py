"""Build a service's image by its commit, with what is in it and how it came about: `tox -e image -- users`.

Leaves bill-of-materials.json (CycloneDX) and provenance.json (SLSA) in build/images/<service>. With
--push, the image goes to the registry that IMAGE_PREFIX names.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from images.bill_of_materials import write_bill
from images.build import BuildFailed, build, run
from images.provenance import write_provenance

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str], environ: Mapping[str, str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="tox -e image --", description=__doc__)
    parser.add_argument("service")
    parser.add_argument("--push", action="store_true", help="to the registry of IMAGE_PREFIX")
    options = parser.parse_args(arguments)
    if not (root / "services" / options.service / "pyproject.toml").is_file():
        parser.error(f"there is no service {options.service}")
    folder = root / "build/images" / options.service
    folder.mkdir(parents=True, exist_ok=True)
    try:
        image = build(root, options.service, environ)
        write_bill(root, image, folder / "bill-of-materials.json")
        write_provenance(root, image, folder / "provenance.json", environ)
        if options.push:
            run("docker", "push", image.name, folder=root)
    except BuildFailed as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{image.name} is {image.digest}; what is in it, and how it came about: {folder}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
