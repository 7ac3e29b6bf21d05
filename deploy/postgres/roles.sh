#!/bin/sh
# Run once, when the data folder is made. In the database $POSTGRES_DB it makes
#   ${SERVICE}_owner  whom the schema belongs to: only migrations log in as this one
#   ${SERVICE}_app    who reads and writes rows, and changes no schema: the service itself
# and leaves the superuser without a password: then nobody becomes it over the network.
set -eu

psql --quiet --no-psqlrc -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    -v database="$POSTGRES_DB" -v superuser="$POSTGRES_USER" \
    -v owner="${SERVICE}_owner" -v app="${SERVICE}_app" <<'SQL'
\getenv owner_password OWNER_PASSWORD
\getenv app_password APP_PASSWORD
CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password';
CREATE ROLE :"app" LOGIN PASSWORD :'app_password';
ALTER ROLE :"app" SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE :"app" SET statement_timeout = '30s';

-- The schema public belongs to whoever owns the database; nobody else creates in it.
ALTER DATABASE :"database" OWNER TO :"owner";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"app";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"app";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"app";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public GRANT USAGE ON SEQUENCES TO :"app";
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;

ALTER ROLE :"superuser" PASSWORD NULL;
SQL
