show() { printf '\n%s\n' "$1"; python3 -m json.tool; }
pick() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
header() { python3 -c 'import email, sys; input(); print(email.message_from_file(sys.stdin)[sys.argv[1]])' "$1"; }

EMAIL="ada-$(python3 -c 'import secrets; print(secrets.token_hex(4))')@example.com"
PASSWORD='a kettle of fish'

curl -sS "$USERS/users/" -H 'Content-Type: application/json' \
  -d '{"email": "'"$EMAIL"'", "name": "Ada", "password": "'"$PASSWORD"'"}' | show 'Registered:'

TOKEN=$(curl -sS "$USERS/auth/token" --data-urlencode "username=$EMAIL" \
  --data-urlencode "password=$PASSWORD" | pick access_token)

ITEM=$(curl -sS "$ITEMS/items/" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
  -d '{"name": "Green kettle", "description": "Whistles.", "price": "19.90"}' | pick id)

curl -sS "$ITEMS/items/?q=kettle&size=1" | show 'Found:'

ETAG=$(curl -sS -D - -o /dev/null "$ITEMS/items/$ITEM" | header ETag)

curl -sS -X PATCH "$ITEMS/items/$ITEM" -H "Authorization: Bearer $TOKEN" -H "If-Match: $ETAG" \
  -H 'Content-Type: application/json' -d '{"price": "17.50"}' | show 'Edited, as nobody else had:'

curl -sS "$USERS/users/me" -H "Authorization: Bearer $TOKEN" | show 'Signed in as:'
