"""What a database is to the rooms above: verbs, drivers, migrations, query files."""
