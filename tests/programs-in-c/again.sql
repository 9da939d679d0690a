-- A database that another program has made: what is in it, and changes to it.

PRAGMA integrity_check;
PRAGMA application_id;
SELECT type, name, sql FROM sqlite_schema ORDER BY name;
SELECT * FROM anything ORDER BY id;
SELECT * FROM counter ORDER BY word;
SELECT count(*), sum(key), sum(length(text)), total(real) FROM many;
SELECT id, text FROM many WHERE key = 500 ORDER BY text;
SELECT label, area FROM box ORDER BY area;
BEGIN;
UPDATE many SET text = reverse(text) WHERE id % 2;
DELETE FROM many WHERE key > 900;
CREATE TABLE made_again AS SELECT key, count(*) AS n, group_concat(id) AS ids FROM many GROUP BY key;
COMMIT;
SELECT count(*), sum(n), max(length(ids)) FROM made_again;
.open same
SELECT * FROM made_again ORDER BY n DESC, key LIMIT 3;
DROP TABLE many;
VACUUM;
PRAGMA page_count;
PRAGMA integrity_check;
