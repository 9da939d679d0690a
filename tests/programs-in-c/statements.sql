-- Statements that a native SQLite and one translated from WebAssembly must answer alike. Nothing here depends on the clock, on
-- chance or on the width of a pointer.

PRAGMA page_size = 1024;
PRAGMA encoding;
PRAGMA foreign_keys = ON;
SELECT sqlite_version() > '3';

-- Tables and values of every type.
CREATE TABLE value(id INTEGER PRIMARY KEY, name TEXT, a, b);
INSERT INTO value(name, a, b) VALUES ('null', NULL, NULL), ('integers', 1, -1), ('extremes', 9223372036854775807, -9223372036854775808);
INSERT INTO value(name, a, b) VALUES ('floats', 0.1, -1e300), ('small', 1e-300, 5e-324), ('text', 'it''s', ''), ('blobs', x'00ff10', x'');
INSERT INTO value(name, a, b) VALUES ('unicode', 'grüße, 世界', char(0x1F600)), ('number as text', '12', ' 12.5e1x');
SELECT * FROM value ORDER BY id;
SELECT name, typeof(a), typeof(b), length(a), length(b), hex(a), quote(b) FROM value;
SELECT name FROM value WHERE a > 1 ORDER BY name;
SELECT name FROM value ORDER BY a, b DESC;
SELECT name, CAST(a AS INTEGER), CAST(a AS REAL), CAST(b AS TEXT), CAST(b AS BLOB), CAST(a AS NUMERIC) FROM value;
SELECT id, a + b, a - b, a * b, a / b, a % b FROM value;
SELECT a & 255, a | 7, ~a, a << 2, a >> 1 FROM value WHERE typeof(a) = 'integer';
SELECT unicode(a), upper(a), lower(a), substr(a, 2, 3), instr(a, 'e'), reverse(b) FROM value WHERE typeof(a) = 'text';
SELECT max(a), min(b), count(*), count(a) FROM value;

-- Arithmetic, formatting, conversion.
SELECT 7 / 2, -7 / 2, 7 % 3, -7 % 3, 7 / 2.0, 1 / 0, 1.0 / 0, 5 % 0;
SELECT 9223372036854775807 + 1, -9223372036854775808 - 1, 9223372036854775807 * 2, abs(-5), abs(-2.5);
SELECT abs(-9223372036854775808);
SELECT 0.1 + 0.2, 1e308 * 10, -1e308 * 10, 1e15 + 0.3, 123456789012345678, 1234567890123456789012345;
SELECT 1e0, 1e1, 1e14, 1e15, 1e16, 1e21, 1e22, 1e23, 1e-4, 1e-5, 123.456, 1.0, 100.0, 3.0e-10;
SELECT round(2.5), round(-2.5), round(2.675, 2), round(1234.5678, -2), round(1e20, 3), round(0.5), round(1.5), round(0.05, 1);
SELECT printf('%d|%5d|%-5d|%05d|%+d|%x|%X|%o|%c|%%', 42, 42, 42, 42, 42, 255, 255, 8, 'xyz');
SELECT printf('%f|%.2f|%10.3f|%-10.1f|%e|%.3e|%g|%.10g|%G', 3.14159, 3.14159, 3.14159, 3.14159, 31415.9, 31415.9, 31415.9, 0.1, 1e-10);
SELECT printf('%s|%10s|%-10s|%.3s|%q|%Q|%w', 'text', 'text', 'text', 'text', 'it''s', 'it''s', 'a"b');
SELECT printf('%,d|%,.2f|%!.20f|%!.20g|%#x', 1234567, 1234567.891, 0.1, 0.1, 255);
SELECT printf('%.0f %.0f %.0f %.0f', 0.5, 1.5, 2.5, 3.5), printf('%.15g', 0.3), printf('%!.17g', 0.3), printf('%.30f', 1e-20);
SELECT CAST('12abc' AS INTEGER), CAST('abc' AS INTEGER), CAST('1e3' AS INTEGER), CAST('1e3' AS REAL), CAST(' 7 ' AS INTEGER), CAST(1e30 AS INTEGER), CAST(-1e30 AS INTEGER), CAST(3.99 AS INTEGER), CAST(-3.99 AS INTEGER);
SELECT '10' + '20', '3x' * 2, 'a' || 1 || 2.5 || NULL, 'a' || 1 || 2.5, 1 = 1.0, '1' = 1, 'a' < 'B', 'a' < 'B' COLLATE NOCASE;
SELECT 0x10, 0xffffffffffffffff, 1_000_000, .5, 5., 1 IS NULL, NULL IS NULL, NULL = NULL, NULL IS NOT 1, 1 IS DISTINCT FROM NULL;
SELECT 1 BETWEEN 0 AND 2, 3 IN (1, 2, 3), NULL IN (1), 4 NOT IN (1, NULL), CASE 2 WHEN 1 THEN 'one' WHEN 2 THEN 'two' END, CASE WHEN 0 THEN 1 ELSE 2 END;
SELECT coalesce(NULL, NULL, 3), ifnull(NULL, 'x'), nullif(1, 1), nullif(1, 2), iif(1 < 2, 'yes', 'no'), max(1, 'a', x'00'), min(3, 2.5, NULL);
SELECT trim('  x '), ltrim('xxabc', 'x'), rtrim('abc..', '.'), replace('banana', 'an', '<>'), substr('hello', -3), substr('hello', 2, 2), substr('hello', -2, -2), concat('a', NULL, 1), concat_ws(', ', 'a', NULL, 'b');
SELECT hex('abc'), unhex('616263'), unhex('6x'), zeroblob(4), quote(zeroblob(3)), length(zeroblob(1000)), char(72, 105), unicode('€'), sign(-3), sign(2.5), octet_length('€');
SELECT x'616263' = 'abc', CAST(x'616263' AS TEXT) = 'abc', x'01' < x'0100', 'z' < x'00';
SELECT likely(1), unlikely(0), likelihood(1, 0.5), total(1), sum(1), avg(2), group_concat('a'), string_agg('b', ',');

-- LIKE and GLOB.
SELECT 'abc' LIKE 'A%', 'abc' LIKE '_b_', 'abc' LIKE 'a', 'a%c' LIKE 'a\%c' ESCAPE '\', 'äbc' LIKE 'Ä%', '' LIKE '%', NULL LIKE '%';
SELECT 'abc' GLOB 'a*', 'abc' GLOB 'A*', 'abc' GLOB '?b[a-d]', 'abc' GLOB '*[^c]', 'a*c' GLOB 'a[*]c', '世界' GLOB '?界', 'x]' GLOB 'x[]]';
SELECT 'aaaaaaaaaaaaaaaaaaaaaaaab' LIKE '%a%a%a%a%b', 'aaaaaaaaaaaaaaaaaaaaaaaa' LIKE '%a%a%a%b';

-- A shop: keys, constraints, joins.
CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, city TEXT DEFAULT 'nowhere', since TEXT CHECK (since GLOB '????-??-??'));
CREATE TABLE product(code TEXT PRIMARY KEY, name TEXT, price REAL NOT NULL CHECK (price > 0), stock INTEGER DEFAULT 0) WITHOUT ROWID;
CREATE TABLE sale(id INTEGER PRIMARY KEY AUTOINCREMENT, customer INTEGER REFERENCES customer(id) ON DELETE CASCADE ON UPDATE CASCADE, product TEXT REFERENCES product(code), amount INTEGER, day TEXT);
CREATE INDEX sale_by_customer ON sale(customer, day);
CREATE INDEX sale_by_product ON sale(product) WHERE amount > 1;
CREATE UNIQUE INDEX customer_by_upper_name ON customer(upper(name));
INSERT INTO customer VALUES (1, 'Ada', 'London', '1833-06-05');
INSERT INTO customer VALUES (2, 'Blaise', 'Paris', '1642-01-01');
INSERT INTO customer VALUES (3, 'Charles', 'London', '1822-07-03');
INSERT INTO customer(id, name, since) VALUES (4, 'Gottfried', '1673-02-01');
INSERT INTO customer VALUES (5, 'Konrad', 'Berlin', '1941-05-12');
INSERT INTO customer VALUES (6, 'Ada', 'Rome', '1900-01-01');
INSERT INTO customer VALUES (6, 'ADA', 'Rome', '1900-01-01');
INSERT INTO customer VALUES (7, NULL, 'Rome', '1900-01-01');
INSERT INTO customer VALUES (7, 'Nobody', 'Rome', 'once');
INSERT OR IGNORE INTO customer VALUES (1, 'Other', 'Rome', '1900-01-01');
INSERT OR REPLACE INTO customer VALUES (5, 'Konrad Z.', 'Hünfeld', '1941-05-12');
INSERT INTO customer VALUES (5, 'Konrad Z.', 'Berlin', '1938-01-01') ON CONFLICT(id) DO UPDATE SET city = excluded.city, since = min(since, excluded.since) RETURNING *;
INSERT INTO product VALUES ('A1', 'abacus', 12.5, 10), ('D1', 'difference engine', 17470, 1), ('L1', 'log table', 3.75, 200), ('P1', 'pascaline', 100, 5), ('W1', 'wheel', 40.25, 3);
INSERT INTO product VALUES ('X', 'free', 0, 1);
INSERT INTO sale(customer, product, amount, day) VALUES (1, 'A1', 1, '1834-01-01'), (1, 'L1', 3, '1834-01-02'), (2, 'P1', 1, '1650-03-03'), (2, 'L1', 10, '1650-03-04');
INSERT INTO sale(customer, product, amount, day) VALUES (3, 'D1', 1, '1842-11-04'), (3, 'W1', 2, '1842-11-05'), (3, 'L1', 7, '1842-11-05'), (4, 'W1', 1, '1674-05-05');
INSERT INTO sale(customer, product, amount, day) VALUES (99, 'A1', 1, '1900-01-01');
INSERT INTO sale(customer, product, amount, day) VALUES (1, 'ZZ', 1, '1900-01-01');
SELECT c.name, p.name, s.amount, s.amount * p.price FROM sale s JOIN customer c ON c.id = s.customer JOIN product p ON p.code = s.product ORDER BY s.id;
SELECT c.name, count(s.id), total(s.amount * p.price) FROM customer c LEFT JOIN sale s ON s.customer = c.id LEFT JOIN product p ON p.code = s.product GROUP BY c.id ORDER BY 3 DESC, 1;
SELECT p.name, sum(s.amount) FROM product p LEFT JOIN sale s ON s.product = p.code GROUP BY p.code HAVING count(s.id) <> 1 ORDER BY p.code;
SELECT c.name, p.code FROM customer c RIGHT JOIN sale s ON s.customer = c.id AND c.city = 'London' JOIN product p ON p.code = s.product ORDER BY s.id;
SELECT c.name, p.name FROM customer c FULL OUTER JOIN product p ON substr(c.name, 1, 1) = upper(substr(p.name, 1, 1)) ORDER BY 1, 2;
SELECT a.name, b.name FROM customer a, customer b WHERE a.city = b.city AND a.id < b.id;
SELECT name FROM customer c WHERE EXISTS (SELECT 1 FROM sale WHERE customer = c.id AND amount > 5) ORDER BY name;
SELECT name FROM customer WHERE id NOT IN (SELECT customer FROM sale) ORDER BY name;
SELECT name, (SELECT max(day) FROM sale WHERE customer = c.id) AS last FROM customer c ORDER BY last DESC NULLS LAST, name;
SELECT city, group_concat(name, '; ' ORDER BY name DESC), count(*) FROM customer GROUP BY city ORDER BY city COLLATE NOCASE;
SELECT name FROM customer ORDER BY name COLLATE length;
SELECT DISTINCT city FROM customer ORDER BY 1 LIMIT 2 OFFSET 1;
SELECT id, name FROM customer WHERE (id, name) > (2, 'A') ORDER BY id;
SELECT product(price), product(NULL) FROM product;
SELECT name FROM customer UNION SELECT name FROM product ORDER BY 1;
SELECT city FROM customer EXCEPT SELECT 'London';
SELECT substr(name, 1, 1) FROM customer INTERSECT SELECT upper(substr(name, 1, 1)) FROM product;
SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 1 ORDER BY 1 DESC;
VALUES (1, 'one'), (2, 'two'), (3, 'three');
UPDATE product SET price = price * 1.1, stock = stock - 1 WHERE stock > 1;
SELECT * FROM product;
UPDATE customer SET id = 30 WHERE id = 3;
SELECT customer, count(*) FROM sale GROUP BY customer;
DELETE FROM customer WHERE id = 30 RETURNING name, city;
SELECT customer, count(*) FROM sale GROUP BY customer;
DELETE FROM product WHERE code = 'A1';
UPDATE sale SET amount = amount + o.n FROM (SELECT customer AS who, count(*) AS n FROM sale GROUP BY customer) o WHERE o.who = sale.customer;
SELECT * FROM sale ORDER BY id;
UPDATE OR ROLLBACK sale SET product = 'ZZ';
ALTER TABLE customer ADD COLUMN note TEXT DEFAULT 'none';
ALTER TABLE customer RENAME COLUMN note TO remark;
SELECT name, remark FROM customer ORDER BY id;
ALTER TABLE customer DROP COLUMN remark;
ALTER TABLE value RENAME TO anything;
SELECT name, sql FROM sqlite_schema WHERE tbl_name IN ('customer', 'anything', 'sale') ORDER BY name;
EXPLAIN QUERY PLAN SELECT * FROM sale WHERE customer = 1 AND day > '1800';
EXPLAIN QUERY PLAN SELECT c.name FROM customer c JOIN sale s ON s.customer = c.id WHERE s.product = 'L1' AND s.amount > 1 ORDER BY c.name;
PRAGMA table_info(sale);
PRAGMA index_list(sale);
PRAGMA foreign_key_list(sale);
PRAGMA foreign_key_check;

-- Views and triggers.
CREATE VIEW london AS SELECT id, name FROM customer WHERE city = 'London';
CREATE TABLE log(id INTEGER PRIMARY KEY, what TEXT, old, new);
CREATE TRIGGER product_inserted AFTER INSERT ON product BEGIN INSERT INTO log(what, new) VALUES ('insert', new.code); END;
CREATE TRIGGER product_updated AFTER UPDATE OF price ON product WHEN new.price <> old.price BEGIN INSERT INTO log(what, old, new) VALUES ('price ' || new.code, old.price, new.price); END;
CREATE TRIGGER product_deleted BEFORE DELETE ON product BEGIN SELECT RAISE(ABORT, 'the last one') WHERE (SELECT count(*) FROM product) = 1; INSERT INTO log(what, old) VALUES ('delete', old.code); END;
CREATE TRIGGER london_inserted INSTEAD OF INSERT ON london BEGIN INSERT INTO customer(id, name, city) VALUES (new.id, new.name, 'London'); END;
INSERT INTO london VALUES (10, 'Alan');
INSERT INTO london VALUES (11, 'Joan');
SELECT * FROM london ORDER BY id;
INSERT INTO product VALUES ('C1', 'colossus', 1000000, 10);
UPDATE product SET price = 999999.5 WHERE code = 'C1';
UPDATE product SET price = price, name = upper(name);
DELETE FROM product WHERE code IN ('C1', 'P1');
DELETE FROM sale;
DELETE FROM product WHERE code <> 'W1';
DELETE FROM product;
SELECT * FROM log ORDER BY id;
DROP TRIGGER product_deleted;
DELETE FROM product;
SELECT count(*) FROM product;
DROP VIEW london;
SELECT * FROM london;

-- Transactions.
CREATE TABLE account(name TEXT PRIMARY KEY, balance INTEGER CHECK (balance >= 0));
INSERT INTO account VALUES ('a', 100), ('b', 50);
BEGIN;
UPDATE account SET balance = balance - 30 WHERE name = 'a';
UPDATE account SET balance = balance + 30 WHERE name = 'b';
COMMIT;
SELECT * FROM account;
BEGIN IMMEDIATE;
UPDATE account SET balance = 0;
SELECT sum(balance) FROM account;
ROLLBACK;
SELECT sum(balance) FROM account;
BEGIN;
INSERT INTO account VALUES ('c', 1);
SAVEPOINT one;
INSERT INTO account VALUES ('d', 2);
SAVEPOINT two;
DELETE FROM account;
SELECT count(*) FROM account;
ROLLBACK TO two;
SELECT count(*) FROM account;
RELEASE two;
ROLLBACK TO one;
SELECT name FROM account ORDER BY name;
COMMIT;
SELECT name FROM account ORDER BY name;
UPDATE account SET balance = balance - 80;
SELECT * FROM account ORDER BY name;
COMMIT;
BEGIN;
BEGIN;
CREATE TABLE gone(x);
INSERT INTO gone VALUES (1);
ROLLBACK;
SELECT * FROM gone;

-- Recursive queries.
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT i, i * i, i * i * i FROM n;
WITH RECURSIVE fibonacci(n, a, b) AS (VALUES (1, 0, 1) UNION ALL SELECT n + 1, b, a + b FROM fibonacci WHERE n < 90) SELECT n, a FROM fibonacci WHERE n % 10 = 0;
WITH RECURSIVE factorial(n, f) AS (VALUES (0, 1.0) UNION ALL SELECT n + 1, f * (n + 1) FROM factorial WHERE n < 30) SELECT n, f FROM factorial WHERE n % 6 = 0;
WITH RECURSIVE candidate(n) AS (VALUES (2) UNION ALL SELECT n + 1 FROM candidate WHERE n < 400) SELECT group_concat(n, ' ') FROM candidate WHERE NOT EXISTS (SELECT 1 FROM candidate d WHERE d.n * d.n <= candidate.n AND candidate.n % d.n = 0);
WITH RECURSIVE collatz(n, steps) AS (VALUES (27, 0) UNION ALL SELECT iif(n % 2, 3 * n + 1, n / 2), steps + 1 FROM collatz WHERE n <> 1) SELECT max(n), max(steps) FROM collatz;
WITH RECURSIVE
  xaxis(x) AS (VALUES (-2.0) UNION ALL SELECT x + 0.05 FROM xaxis WHERE x < 1.2),
  yaxis(y) AS (VALUES (-1.0) UNION ALL SELECT y + 0.1 FROM yaxis WHERE y < 1.0),
  m(iter, cx, cy, x, y) AS (
    SELECT 0, x, y, 0.0, 0.0 FROM xaxis, yaxis
    UNION ALL
    SELECT iter + 1, cx, cy, x * x - y * y + cx, 2.0 * x * y + cy FROM m WHERE x * x + y * y < 4.0 AND iter < 28),
  m2(iter, cx, cy) AS (SELECT max(iter), cx, cy FROM m GROUP BY cx, cy),
  a(t) AS (SELECT group_concat(substr(' .+*#', 1 + min(iter / 7, 4), 1), '') FROM m2 GROUP BY cy)
SELECT group_concat(rtrim(t), x'0a') FROM a;
WITH RECURSIVE
  input(sud) AS (VALUES ('53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79')),
  digits(z, lp) AS (VALUES ('1', 1) UNION ALL SELECT CAST(lp + 1 AS TEXT), lp + 1 FROM digits WHERE lp < 9),
  x(s, ind) AS (
    SELECT sud, instr(sud, '.') FROM input
    UNION ALL
    SELECT substr(s, 1, ind - 1) || z || substr(s, ind + 1), instr(substr(s, 1, ind - 1) || z || substr(s, ind + 1), '.')
    FROM x, digits AS z
    WHERE ind > 0 AND NOT EXISTS (
      SELECT 1 FROM digits AS lp
      WHERE z.z = substr(s, ((ind - 1) / 9) * 9 + lp, 1)
        OR z.z = substr(s, ((ind - 1) % 9) + (lp - 1) * 9 + 1, 1)
        OR z.z = substr(s, (((ind - 1) / 3) % 3) * 3 + ((ind - 1) / 27) * 27 + lp + ((lp - 1) / 3) * 6, 1)))
SELECT s FROM x WHERE ind = 0;
WITH RECURSIVE queens(n, row, columns) AS (
  VALUES (6, 0, '')
  UNION ALL
  SELECT n, row + 1, columns || c.value FROM queens, (WITH RECURSIVE d(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM d WHERE value < 6) SELECT value FROM d) c
  WHERE row < n AND NOT EXISTS (
    SELECT 1 FROM (WITH RECURSIVE r(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM r WHERE i < 6) SELECT i FROM r) p
    WHERE p.i <= row AND (CAST(substr(columns, p.i, 1) AS INTEGER) = c.value OR abs(CAST(substr(columns, p.i, 1) AS INTEGER) - c.value) = row + 1 - p.i)))
SELECT columns FROM queens WHERE row = n ORDER BY columns;
CREATE TABLE part(whole TEXT, part TEXT, amount INTEGER);
INSERT INTO part VALUES ('bicycle', 'wheel', 2), ('bicycle', 'frame', 1), ('wheel', 'spoke', 36), ('wheel', 'rim', 1), ('frame', 'tube', 7), ('rim', 'tube', 1);
WITH RECURSIVE needs(part, amount, depth) AS (VALUES ('bicycle', 1, 0) UNION ALL SELECT p.part, n.amount * p.amount, n.depth + 1 FROM needs n JOIN part p ON p.whole = n.part ORDER BY 3 DESC) SELECT printf('%*s%s %d', depth * 2, '', part, amount) FROM needs;
WITH RECURSIVE needs(part, amount) AS (VALUES ('bicycle', 1) UNION ALL SELECT p.part, n.amount * p.amount FROM needs n JOIN part p ON p.whole = n.part) SELECT part, sum(amount) FROM needs GROUP BY part ORDER BY 2 DESC, 1;
CREATE TABLE edge(a, b);
INSERT INTO edge VALUES (1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (6, 7), (7, 6);
WITH RECURSIVE reach(x) AS (VALUES (1) UNION SELECT b FROM edge, reach WHERE a = x) SELECT x FROM reach ORDER BY x;
WITH RECURSIVE path(x, way) AS (VALUES (1, '1') UNION ALL SELECT b, way || '-' || b FROM edge, path WHERE a = x AND instr(way, b) = 0) SELECT way FROM path ORDER BY length(way), way;
WITH a AS MATERIALIZED (SELECT 1 AS x), b AS NOT MATERIALIZED (SELECT x + 1 AS x FROM a) SELECT a.x, b.x FROM a, b;

-- Window functions.
CREATE TABLE score(team TEXT, player TEXT, points INTEGER, weight REAL);
INSERT INTO score VALUES ('red', 'a', 10, 1.5), ('red', 'b', 20, 2.25), ('red', 'c', 20, 0.5), ('blue', 'd', 5, 3), ('blue', 'e', 15, NULL), ('blue', 'f', 25, 1), ('green', 'g', 7, 7);
SELECT team, player, row_number() OVER (ORDER BY points, player), rank() OVER (ORDER BY points), dense_rank() OVER (ORDER BY points) FROM score ORDER BY points, player;
SELECT team, player, sum(points) OVER (PARTITION BY team ORDER BY player), avg(points) OVER (PARTITION BY team), count(*) OVER () FROM score ORDER BY team, player;
SELECT player, lag(points) OVER w, lead(points, 2, -1) OVER w, first_value(player) OVER w, last_value(player) OVER w, nth_value(player, 2) OVER w FROM score WINDOW w AS (ORDER BY player) ORDER BY player;
SELECT player, sum(points) OVER (ORDER BY player ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING), sum(points) OVER (ORDER BY points RANGE BETWEEN 5 PRECEDING AND CURRENT ROW), sum(points) OVER (ORDER BY points GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM score ORDER BY player;
SELECT player, ntile(3) OVER (ORDER BY points, player), percent_rank() OVER (ORDER BY points), cume_dist() OVER (ORDER BY points) FROM score ORDER BY points, player;
SELECT player, total(weight) OVER (ORDER BY player ROWS UNBOUNDED PRECEDING), min(weight) OVER (ORDER BY player ROWS 2 PRECEDING), max(points) FILTER (WHERE team = 'red') OVER (ORDER BY player) FROM score ORDER BY player;
SELECT player, group_concat(player, '') OVER (ORDER BY player ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM score ORDER BY player;
SELECT team, sum(points) AS s, rank() OVER (ORDER BY sum(points) DESC) FROM score GROUP BY team ORDER BY s;
SELECT team, count(*) FILTER (WHERE points > 10), avg(weight), sum(DISTINCT points), group_concat(DISTINCT points) FROM score GROUP BY team;
SELECT team, player, max(points) FROM score GROUP BY team ORDER BY team;

-- JSON.
SELECT json('{"a" : [1, 2.50, true, null], "b":"x\u00e9"}'), json_valid('{"a":}'), json_valid('[1]'), json_type('[1]', '$[0]');
SELECT json_extract('{"a":{"b":[10,20,30]}}', '$.a.b[1]', '$.a.c'), '{"a":{"b":[1]}}' -> '$.a', '{"a":"t"}' ->> 'a', json_extract('[1,2,3]', '$[#-1]');
SELECT json_array(1, 2.5, 'x', NULL, json('[1]')), json_object('a', 1, 'b', json_array(1, 2)), json_quote('he said "hi"'), json_array_length('[1,[2],3]');
SELECT json_set('{"a":1}', '$.b', 2, '$.a', 3), json_insert('{"a":1}', '$.a', 9, '$.c', 'x'), json_replace('{"a":1}', '$.a', 5), json_remove('[0,1,2]', '$[1]'), json_patch('{"a":1,"b":2}', '{"b":null,"c":3}');
SELECT key, value, type, fullkey FROM json_each('{"a":1,"b":[2,3],"c":null,"d":1.25e3}');
SELECT fullkey, atom FROM json_tree('{"a":[1,{"b":2}],"c":"d"}') WHERE atom IS NOT NULL;
SELECT json_group_array(player ORDER BY player), json_group_object(player, weight) FROM score WHERE team = 'red';
SELECT json('not json');
SELECT json_pretty('{"a":[1,2],"b":{}}'), hex(jsonb('[1,"a"]')), json(jsonb('{"x":1e2}')), json('{a:1,''b'':0x1F,}');
SELECT sum(value) FROM json_each('[0.1,0.2,0.3,0.4]');
SELECT value ->> '$.n' FROM json_each('[{"n":1},{"n":"two"},{"m":3}]');

-- Dates, with times that are given.
SELECT date('2024-02-29', '+1 year'), date('2024-01-31', '+1 month'), datetime('2000-01-01 12:34:56', '-1 second', '+90 minutes'), time('23:59:59.5', '+1 second');
SELECT julianday('2000-01-01 12:00'), unixepoch('1970-01-02'), datetime(1234567890, 'unixepoch'), datetime(2451545.0), datetime(1e9, 'auto');
SELECT strftime('%Y %m %d %H %M %S %j %w %W %s %J %f %%', '2012-12-21 01:02:03.456'), strftime('%G-%V %u %e %I %p %R %T %U %F', '2021-01-03 15:04:05');
SELECT date('2023-05-17', 'start of month', '+1 month', '-1 day'), date('2023-05-17', 'weekday 0'), date('2023-05-17', 'start of year'), date('nonsense'), date('2023-02-30'), date('-4713-11-24'), date('9999-12-31', '+1 day');
SELECT timediff('2024-03-01', '2023-02-28 12:00'), julianday('2024-03-01') - julianday('2024-02-01'), strftime('%s', '1969-12-31'), datetime('2024-01-01 00:00:00+05:30'), datetime('2024-01-01', 'subsec', '+0.25 seconds');
WITH RECURSIVE month(first) AS (VALUES ('2024-01-01') UNION ALL SELECT date(first, '+1 month') FROM month WHERE first < '2024-12-01') SELECT group_concat(strftime('%m:%d', first, '+1 month', '-1 day'), ' ') FROM month;

-- Many rows: sorting, indexes, aggregates, pages that split and are given back.
CREATE TABLE many(id INTEGER PRIMARY KEY, key INTEGER, text TEXT, real REAL, data BLOB);
WITH RECURSIVE n(i, s) AS (VALUES (1, 12345) UNION ALL SELECT i + 1, (s * 1103515245 + 12345) & 0x7fffffff FROM n WHERE i < 5000) INSERT INTO many SELECT i, s % 1000, printf('text %d of %d', s % 97, i), s / 3.0, CASE WHEN i % 500 = 0 THEN zeroblob(3000) ELSE CAST(printf('%08x', s) AS BLOB) END FROM n;
SELECT count(*), count(DISTINCT key), sum(key), avg(real), min(text), max(text), sum(length(data)) FROM many;
SELECT key, count(*), sum(real) FROM many GROUP BY key ORDER BY 2 DESC, 1 LIMIT 5;
SELECT id, text FROM many ORDER BY text DESC, id LIMIT 5;
CREATE INDEX many_by_key ON many(key, text);
CREATE INDEX many_by_text ON many(text COLLATE NOCASE DESC);
SELECT id, text FROM many WHERE key = 500 ORDER BY text;
SELECT count(*) FROM many WHERE key BETWEEN 100 AND 200 AND text LIKE '%7%';
SELECT count(*) FROM many a JOIN many b ON a.key = b.key WHERE a.id < b.id;
SELECT a.id, b.id FROM many a JOIN many b ON b.id = a.id * 2 WHERE a.key = b.key;
UPDATE many SET text = text || ' changed' WHERE id % 3 = 0;
UPDATE many SET key = key + 1000 WHERE id % 7 = 0;
DELETE FROM many WHERE id % 5 = 0;
SELECT count(*), sum(key), sum(length(text)), max(key) FROM many;
SELECT id, key FROM many WHERE text GLOB '*of 1??? changed' ORDER BY key DESC, id LIMIT 4;
SELECT quote(substr(data, 1, 4)), hex(data) FROM many WHERE id IN (1, 2, 4999);
UPDATE many SET data = zeroblob(20000) WHERE id = 1;
UPDATE many SET data = CAST(replace(hex(zeroblob(2500)), '0', 'long text ') AS TEXT) WHERE id = 2;
SELECT id, typeof(data), length(data), hex(substr(data, 5000, 4)) FROM many WHERE id IN (1, 2);
DROP INDEX many_by_text;
ANALYZE;
SELECT tbl, idx, stat FROM sqlite_stat1 ORDER BY tbl, idx;
REINDEX;
PRAGMA integrity_check;
VACUUM;
PRAGMA page_count;
PRAGMA freelist_count;

-- Many small statements: a library lends books.
CREATE TABLE book(id INTEGER PRIMARY KEY, title TEXT, author TEXT, year INTEGER, copies INTEGER DEFAULT 1);
CREATE TABLE reader(id INTEGER PRIMARY KEY, name TEXT UNIQUE, fee NUMERIC(6, 2) DEFAULT 0);
CREATE TABLE loan(book INTEGER REFERENCES book, reader INTEGER REFERENCES reader, out TEXT, back TEXT, PRIMARY KEY (book, reader, out)) WITHOUT ROWID;
CREATE TRIGGER loan_out BEFORE INSERT ON loan BEGIN SELECT RAISE(ABORT, 'all copies are out') WHERE (SELECT count(*) FROM loan WHERE book = new.book AND back IS NULL) >= (SELECT copies FROM book WHERE id = new.book); END;
INSERT INTO book VALUES (1, 'Elements', 'Euclid', -300, 3);
INSERT INTO book VALUES (2, 'Almagest', 'Ptolemy', 150, 1);
INSERT INTO book VALUES (3, 'Liber Abaci', 'Fibonacci', 1202, 2);
INSERT INTO book VALUES (4, 'De revolutionibus', 'Copernicus', 1543, 1);
INSERT INTO book VALUES (5, 'Ars magna', 'Cardano', 1545, 1);
INSERT INTO book VALUES (6, 'Astronomia nova', 'Kepler', 1609, 2);
INSERT INTO book VALUES (7, 'Dialogo', 'Galilei', 1632, 1);
INSERT INTO book VALUES (8, 'La géométrie', 'Descartes', 1637, 1);
INSERT INTO book VALUES (9, 'Principia', 'Newton', 1687, 3);
INSERT INTO book VALUES (10, 'Ars conjectandi', 'Bernoulli', 1713, 1);
INSERT INTO book VALUES (11, 'Introductio in analysin infinitorum', 'Euler', 1748, 2);
INSERT INTO book VALUES (12, 'Mécanique analytique', 'Lagrange', 1788, 1);
INSERT INTO book VALUES (13, 'Disquisitiones arithmeticae', 'Gauß', 1801, 1);
INSERT INTO book VALUES (14, 'Begriffsschrift', 'Frege', 1879, 1);
INSERT INTO book VALUES (15, 'Grundlagen der Geometrie', 'Hilbert', 1899, 2);
INSERT INTO reader(name) VALUES ('Emmy') RETURNING id;
INSERT INTO reader(name) VALUES ('Sofja') RETURNING id;
INSERT INTO reader(name) VALUES ('Srinivasa') RETURNING id;
INSERT INTO reader(name) VALUES ('Évariste') RETURNING id;
INSERT INTO reader(name) VALUES ('Niels') RETURNING id;
INSERT INTO reader(name) VALUES ('Sophie') RETURNING id;
INSERT INTO reader(name) VALUES ('Bernhard') RETURNING id;
INSERT INTO loan VALUES (4, 3, '1925-01-01', NULL);
INSERT INTO loan VALUES (7, 4, '1925-01-04', NULL);
INSERT INTO loan VALUES (2, 1, '1925-01-07', NULL);
UPDATE reader SET fee = fee + 0.05 * (SELECT coalesce(sum(julianday('1925-01-10') - julianday(out)), 0) FROM loan WHERE reader = 3 AND back IS NULL) WHERE id = 3 RETURNING name, fee;
INSERT INTO loan VALUES (13, 1, '1925-01-13', NULL);
INSERT INTO loan VALUES (9, 3, '1925-01-16', NULL);
INSERT INTO loan VALUES (3, 7, '1925-01-19', NULL);
UPDATE reader SET fee = fee + 0.05 * (SELECT coalesce(sum(julianday('1925-01-22') - julianday(out)), 0) FROM loan WHERE reader = 1 AND back IS NULL) WHERE id = 1 RETURNING name, fee;
UPDATE reader SET fee = fee + 0.05 * (SELECT coalesce(sum(julianday('1925-01-25') - julianday(out)), 0) FROM loan WHERE reader = 3 AND back IS NULL) WHERE id = 3 RETURNING name, fee;
INSERT INTO loan VALUES (4, 2, '1925-01-28', NULL);
UPDATE loan SET back = '1925-01-31' WHERE book = 11 AND back IS NULL;
SELECT title, count(l.book) FROM book b LEFT JOIN loan l ON l.book = b.id AND l.back IS NULL WHERE b.year > -400 GROUP BY b.id HAVING count(l.book) = copies ORDER BY title LIMIT 5;
INSERT INTO loan VALUES (6, 6, '1925-02-06', NULL);
INSERT INTO loan VALUES (4, 2, '1925-02-09', NULL);
SELECT title, count(l.book) FROM book b LEFT JOIN loan l ON l.book = b.id AND l.back IS NULL WHERE b.year > 1600 GROUP BY b.id HAVING count(l.book) = copies ORDER BY title LIMIT 1;
UPDATE loan SET back = '1925-02-15' WHERE book = 15 AND back IS NULL;
UPDATE reader SET fee = fee + 0.05 * (SELECT coalesce(sum(julianday('1925-02-18') - julianday(out)), 0) FROM loan WHERE reader = 3 AND back IS NULL) WHERE id = 3 RETURNING name, fee;
INSERT INTO loan VALUES (9, 2, '1925-02-21', NULL);
INSERT INTO loan VALUES (10, 3, '1925-02-24', NULL);
INSERT INTO loan VALUES (3, 2, '1925-02-27', NULL);
INSERT INTO loan VALUES (14, 7, '1925-03-02', NULL);
UPDATE loan SET back = '1925-03-05' WHERE book = 1 AND back IS NULL;
INSERT INTO loan VALUES (5, 5, '1925-03-08', NULL);
INSERT INTO loan VALUES (8, 6, '1925-03-11', NULL);
INSERT INTO loan VALUES (11, 2, '1925-03-14', NULL);
UPDATE loan SET back = '1925-03-17' WHERE book = 15 AND back IS NULL;
INSERT INTO loan VALUES (8, 3, '1925-03-20', NULL);
UPDATE loan SET back = '1925-03-23' WHERE book = 7 AND back IS NULL;
INSERT INTO loan VALUES (11, 5, '1925-03-26', NULL);
UPDATE reader SET fee = fee + 0.05 * (SELECT coalesce(sum(julianday('1925-03-29') - julianday(out)), 0) FROM loan WHERE reader = 1 AND back IS NULL) WHERE id = 1 RETURNING name, fee;
INSERT INTO loan VALUES (12, 2, '1925-04-01', NULL);
SELECT title, count(l.book) FROM book b LEFT JOIN loan l ON l.book = b.id AND l.back IS NULL WHERE b.year > -400 GROUP BY b.id HAVING count(l.book) = copies ORDER BY title LIMIT 3;
INSERT INTO loan VALUES (15, 2, '1925-04-07', NULL);
INSERT INTO loan VALUES (1, 1, '1925-04-10', NULL);
UPDATE loan SET back = '1925-04-13' WHERE book = 2 AND back IS NULL;
INSERT INTO loan VALUES (6, 1, '1925-04-16', NULL);
UPDATE reader SET fee = fee + 0.05 * (SELECT coalesce(sum(julianday('1925-04-19') - julianday(out)), 0) FROM loan WHERE reader = 2 AND back IS NULL) WHERE id = 2 RETURNING name, fee;
SELECT title, count(l.book) FROM book b LEFT JOIN loan l ON l.book = b.id AND l.back IS NULL WHERE b.year > -400 GROUP BY b.id HAVING count(l.book) = copies ORDER BY title LIMIT 3;
SELECT title, count(l.book) FROM book b LEFT JOIN loan l ON l.book = b.id AND l.back IS NULL WHERE b.year > 1600 GROUP BY b.id HAVING count(l.book) = copies ORDER BY title LIMIT 2;
UPDATE loan SET back = '1925-04-28' WHERE book = 5 AND back IS NULL;
UPDATE loan SET back = '1925-05-01' WHERE book = 3 AND back IS NULL;
INSERT INTO loan VALUES (6, 1, '1925-05-04', NULL);
UPDATE reader SET fee = fee + 0.05 * (SELECT coalesce(sum(julianday('1925-05-07') - julianday(out)), 0) FROM loan WHERE reader = 7 AND back IS NULL) WHERE id = 7 RETURNING name, fee;
INSERT INTO loan VALUES (5, 5, '1925-05-10', NULL);
SELECT title, count(l.book) FROM book b LEFT JOIN loan l ON l.book = b.id AND l.back IS NULL WHERE b.year > -400 GROUP BY b.id HAVING count(l.book) = copies ORDER BY title LIMIT 1;
UPDATE loan SET back = '1925-05-16' WHERE book = 1 AND back IS NULL;
SELECT title, count(l.book) FROM book b LEFT JOIN loan l ON l.book = b.id AND l.back IS NULL WHERE b.year > -400 GROUP BY b.id HAVING count(l.book) = copies ORDER BY title LIMIT 5;
INSERT INTO loan VALUES (8, 5, '1925-05-22', NULL);
UPDATE reader SET fee = fee + 0.05 * (SELECT coalesce(sum(julianday('1925-05-25') - julianday(out)), 0) FROM loan WHERE reader = 1 AND back IS NULL) WHERE id = 1 RETURNING name, fee;
SELECT title, count(l.book) FROM book b LEFT JOIN loan l ON l.book = b.id AND l.back IS NULL WHERE b.year > 1500 GROUP BY b.id HAVING count(l.book) = copies ORDER BY title LIMIT 4;
INSERT INTO loan VALUES (4, 2, '1925-05-31', NULL);
INSERT INTO loan VALUES (8, 1, '1925-06-03', NULL);
UPDATE loan SET back = '1925-06-06' WHERE book = 8 AND back IS NULL;
INSERT INTO loan VALUES (7, 7, '1925-06-09', NULL);
INSERT INTO loan VALUES (4, 1, '1925-06-12', NULL);
INSERT INTO loan VALUES (5, 2, '1925-06-15', NULL);
INSERT INTO loan VALUES (13, 2, '1925-06-18', NULL);
INSERT INTO loan VALUES (5, 2, '1925-06-21', NULL);
UPDATE loan SET back = '1925-06-24' WHERE book = 15 AND back IS NULL;
SELECT title, count(l.book) FROM book b LEFT JOIN loan l ON l.book = b.id AND l.back IS NULL WHERE b.year > -400 GROUP BY b.id HAVING count(l.book) = copies ORDER BY title LIMIT 4;
SELECT name, round(fee, 2) FROM reader ORDER BY fee DESC, name;
SELECT b.title, r.name, julianday(coalesce(back, '1925-07-01')) - julianday(out) AS days FROM loan l JOIN book b ON b.id = l.book JOIN reader r ON r.id = l.reader ORDER BY days DESC, title, name LIMIT 12;
SELECT (year + 400) / 500 AS age, count(*), avg(year), group_concat(author, ', ' ORDER BY author) FROM book GROUP BY age ORDER BY age;
SELECT title FROM book WHERE title LIKE '%a__e%' OR author GLOB '*[ßé]*' ORDER BY title COLLATE NOCASE;

-- The same file again, by another connection.
.open same
PRAGMA integrity_check;
SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name;
SELECT count(*), sum(key), sum(length(text)) FROM many;
SELECT * FROM anything ORDER BY id;
PRAGMA journal_mode;
PRAGMA journal_mode = PERSIST;
UPDATE many SET real = real / 2 WHERE id < 100;
PRAGMA journal_mode = TRUNCATE;
UPDATE many SET real = real * 2 WHERE id < 100;
PRAGMA journal_mode = MEMORY;
INSERT INTO many(key) VALUES (-1), (-2);
PRAGMA journal_mode = DELETE;
PRAGMA cache_size = 10;
BEGIN;
UPDATE many SET text = 'spilled ' || id;
SELECT count(*) FROM many WHERE text LIKE 'spilled%';
ROLLBACK;
SELECT count(*) FROM many WHERE text LIKE 'spilled%';
PRAGMA auto_vacuum;
PRAGMA user_version = 7;
PRAGMA user_version;
PRAGMA application_id = 305419896;

-- Another database beside it, attached.
ATTACH ':memory:' AS other;
CREATE TABLE other.copy AS SELECT id, key FROM many WHERE id <= 10;
SELECT m.id, c.key = m.key FROM main.many m JOIN other.copy c USING (id) ORDER BY 1;
CREATE TEMP TABLE scratch AS SELECT key, count(*) AS n FROM many GROUP BY key;
SELECT max(n), sum(n) FROM scratch;
INSERT INTO other.copy SELECT 100 + id, key FROM other.copy;
SELECT count(*), min(id), max(id) FROM other.copy;
DETACH other;
SELECT * FROM other.copy;

-- Generated columns, strict tables, upserts, expression indexes, partial updates.
CREATE TABLE box(w REAL, h REAL, area REAL GENERATED ALWAYS AS (w * h) STORED, label TEXT AS (w || ' x ' || h));
INSERT INTO box(w, h) VALUES (2, 3), (0.5, 8.25), (1e10, 1e-10);
SELECT * FROM box ORDER BY area;
INSERT INTO box(area) VALUES (1);
CREATE INDEX box_by_area ON box(round(area), label);
EXPLAIN QUERY PLAN SELECT label FROM box WHERE round(area) = 6;
SELECT label FROM box WHERE round(area) = 6;
CREATE TABLE strict(i INTEGER, r REAL, t TEXT, b BLOB, a ANY) STRICT;
INSERT INTO strict VALUES (1, 2, 'three', x'04', 5);
INSERT INTO strict VALUES ('12', '2.5', 3, x'04', '5');
INSERT INTO strict VALUES ('x', 1, 1, 1, 1);
INSERT INTO strict(b) VALUES ('text');
SELECT *, typeof(i), typeof(r), typeof(t), typeof(a) FROM strict;
CREATE TABLE counter(word TEXT PRIMARY KEY, n INTEGER DEFAULT 1);
INSERT INTO counter(word) VALUES ('a'), ('b'), ('a'), ('c'), ('a') ON CONFLICT(word) DO UPDATE SET n = n + 1;
INSERT INTO counter(word) VALUES ('b'), ('d') ON CONFLICT DO NOTHING;
SELECT * FROM counter ORDER BY n DESC, word;
UPDATE counter SET (word, n) = (SELECT upper(word), n * 10) WHERE n > 1;
SELECT * FROM counter ORDER BY word;
SELECT rowid, word FROM counter ORDER BY rowid DESC LIMIT 2;
SELECT last_insert_rowid(), changes(), total_changes() > 1000;

-- Text that is long, text that is wide.
SELECT length(replace(hex(zeroblob(50000)), '00', 'ab')), substr(replace(hex(zeroblob(500)), '00', 'abc'), 998, 6);
WITH RECURSIVE t(s) AS (VALUES ('x') UNION ALL SELECT s || s FROM t WHERE length(s) < 100000) SELECT max(length(s)) FROM t;
SELECT length('日本語'), substr('日本語', 2, 1), upper('straße'), hex('é'), instr('日本語', '語'), reverse('abc'), length(CAST('日本語' AS BLOB));
SELECT count(*), sum(unicode(substr('the quick brown fox jumps over the lazy dog', value, 1))) FROM (WITH RECURSIVE i(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM i WHERE value < 43) SELECT value FROM i);
WITH RECURSIVE word(w, rest) AS (VALUES ('', 'the rain in spain falls mainly in the plain ') UNION ALL SELECT substr(rest, 1, instr(rest, ' ') - 1), substr(rest, instr(rest, ' ') + 1) FROM word WHERE rest <> '') SELECT w, count(*) FROM word WHERE w <> '' GROUP BY w ORDER BY 2 DESC, 1;

-- What is wrong is said, and nothing else happens.
SELECT * FROM nothing;
SELEC 1;
SELECT 1 +;
SELECT unknown(1);
SELECT count(*, 1);
INSERT INTO many VALUES (1);
INSERT INTO many(id) VALUES (2);
INSERT INTO many(id) VALUES ('not a number');
CREATE TABLE many(x);
DROP TABLE nothing;
SELECT a.x FROM (SELECT 1 AS y) a;
SELECT (SELECT 1, 2);
SELECT 'unterminated;
SELECT 1;
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1, 2 FROM n) SELECT * FROM n;
SELECT sum(i) FROM (WITH RECURSIVE n(i) AS (VALUES (9223372036854775806) UNION ALL SELECT i + 1 FROM n LIMIT 2) SELECT i FROM n);
SELECT zeroblob(2000000000);
SELECT json_extract('{}', 'a[');
SELECT 1 WHERE 'a' LIKE 'b' ESCAPE 'two';
PRAGMA integrity_check;

