-- Statements that must be refused or come to nothing; one per line. Names in capitals are replaced by the test.
COPY (SELECT 1) TO 'FOLDER/out.csv'
COPY trades TO 'FOLDER/out.parquet' (FORMAT parquet)
COPY trades FROM 'SECRET'
EXPORT DATABASE 'FOLDER/export'
IMPORT DATABASE 'FOLDER/export'
ATTACH 'FOLDER/ledger.sqlite' AS l (TYPE sqlite)
ATTACH 'FOLDER/new.duckdb' AS n
DETACH memory
INSTALL httpfs
LOAD httpfs
FORCE INSTALL sqlite
UPDATE EXTENSIONS
CREATE TABLE t AS SELECT 1
CREATE OR REPLACE VIEW trades AS SELECT 1
CREATE MACRO f(x) AS x
CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')
CREATE PERSISTENT SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')
CREATE SEQUENCE s
INSERT INTO trades SELECT * FROM trades
UPDATE trades SET price = 0
DELETE FROM trades
TRUNCATE trades
DROP TABLE trades
ALTER TABLE trades DROP COLUMN price
SET enable_external_access = true
SET memory_limit = '100GB'
SET lock_configuration = false
RESET memory_limit
PRAGMA database_list
PRAGMA enable_external_access
CALL pragma_version()
CALL duckdb_settings()
CHECKPOINT
VACUUM
BEGIN TRANSACTION
PREPARE p AS SELECT 1
EXECUTE p
EXPLAIN ANALYZE SELECT 1
SELECT 1; DROP TABLE trades
SELECT 1; SELECT 2
SELECT * FROM 'SECRET'
SELECT * FROM "SECRET"
SELECT * FROM 'FOLDER/*.csv'
SELECT * FROM '/proc/self/environ'
SELECT * FROM 'https://example.com/x.parquet'
SELECT * FROM 's3://bucket/x.parquet'
SELECT * FROM read_text('SECRET')
SELECT * FROM read_blob('/etc/passwd')
SELECT * FROM read_csv('SECRET', header = false)
SELECT * FROM read_parquet('FOLDER/**/*.parquet')
SELECT * FROM read_json_auto('SECRET')
SELECT * FROM sniff_csv('SECRET')
SELECT * FROM glob('/**')
SELECT * FROM main.read_text('SECRET')
SELECT * FROM system.main.read_text('SECRET')
SELECT content FROM (SELECT 1 AS x) t, LATERAL read_text('SECRET')
SELECT (SELECT content FROM read_text('SECRET'))
SELECT * FROM trades WHERE price IN (SELECT size FROM read_blob('SECRET'))
WITH t AS (SELECT * FROM read_text('SECRET')) SELECT * FROM t
WITH RECURSIVE t AS (SELECT content FROM read_text('SECRET') UNION ALL SELECT content FROM t) SELECT * FROM t
SELECT * FROM trades UNION ALL BY NAME SELECT * FROM read_text('SECRET')
SELECT * FROM query('SELECT * FROM read_text(''SECRET'')')
SELECT * FROM query_table('trades')
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))
SELECT json_serialize_sql('SELECT 1')
SELECT * FROM duckdb_secrets()
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_functions()
SELECT * FROM which_secret('x', 's3')
SELECT * FROM pragma_storage_info('trades')
SELECT * FROM information_schema.tables
SELECT * FROM sqlite_master
SELECT * FROM pg_catalog.pg_settings
SELECT * FROM memory.main.trades
SELECT current_setting('temp_directory')
SELECT getenv('HOME')
SELECT getvariable('x')
SELECT write_log('x')
SELECT nextval('s')
SELECT pg_sleep(100)
SELECT sleep_ms(100000)
SELECT version()
SELECT * FROM store
SELECT * FROM connection
SELECT * FROM asked
SELECT * FROM arriving
SELECT * FROM arrow_scan(1, 2, 3)
SELECT * FROM pandas_scan(1)
SELECT * FROM python_map_function(1)
SELECT * FROM trades NATURAL JOIN coverage
SHOW TABLES
DESCRIBE trades
SUMMARIZE trades
FROM read_text('SECRET')
TABLE "SECRET"
VALUES ((SELECT content FROM read_text('SECRET')))
PIVOT trades ON symbol USING count(*)
SELECT/**/*/**/FROM/**/read_text/**/('SECRET')
SeLeCt * fRoM rEaD_tExT('SECRET')
SELECT * FROM "read_text"('SECRET')
SELECT 1 --NEWLINE; COPY (SELECT 1) TO 'FOLDER/out.csv'
SELECT COLUMNS(x -> getenv(x) = '') FROM trades
SELECT list_transform([1], x -> (SELECT count(*) FROM read_text('SECRET')))
