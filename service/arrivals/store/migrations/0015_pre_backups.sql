-- When `arrivals backup` last wrote a copy, for the doctor.
CREATE TABLE backups (
    at INT/* pg: 8 */ NOT NULL PRIMARY KEY,
    path TEXT NOT NULL,
    bytes INT/* pg: 8 */ NOT NULL
) /* sqlite: STRICT */;
