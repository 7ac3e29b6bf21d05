#!/bin/sh
# Runs once, when the data folder is created. In the database $POSTGRES_DB it creates two roles:
#   ${SERVICE}_owner  owns the schema: only migrations log in with it
#   ${SERVICE}_app    reads and writes rows, and can't change the schema: the service itself
# It removes the superuser's password, so that nobody can log in as the superuser over the network.
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

-- The schema public belongs to the owner of the database; nobody else can create in it.
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
