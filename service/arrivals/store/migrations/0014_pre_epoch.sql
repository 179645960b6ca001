-- The epoch is part of every cursor. A database that is restored from a backup begins another.
CREATE TABLE epochs (
    epoch TEXT NOT NULL,
    begun_at INT/* pg: 8 */ NOT NULL
) /* sqlite: STRICT */;

INSERT INTO epochs (epoch, begun_at) VALUES (
    /* sqlite: LOWER(HEX(RANDOMBLOB(4))) */
    /* pg: SUBSTR(REPLACE(CAST(GEN_RANDOM_UUID() AS TEXT), '-', ''), 1, 8) */,
    0
);
