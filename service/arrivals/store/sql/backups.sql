-- name: insert_backup
INSERT INTO backups (at, path, bytes) VALUES (:at, :path, :bytes);

-- name: forget_backups
DELETE FROM backups;

-- name: latest_backup
SELECT at, path FROM backups ORDER BY at DESC LIMIT 1;
