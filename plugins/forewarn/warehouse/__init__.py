"""The PostgreSQL warehouse: connections, migrations, the dbt build, publishing."""
