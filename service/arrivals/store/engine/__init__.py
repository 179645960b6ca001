"""The database as the packages above see it: a few operations, two drivers, migrations, query files."""
