BEGIN TRANSACTION;
CREATE TABLE archive_parts (
	archive_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	start BIGINT NOT NULL, 
	stop BIGINT NOT NULL, 
	digest VARCHAR(80) NOT NULL, 
	PRIMARY KEY (archive_id, number), 
	FOREIGN KEY(archive_id) REFERENCES archives (id)
);
INSERT INTO "archive_parts" VALUES(1,1,0,10240,'blake3:d6c7654cd1a8ace1b778bdd22a0335a8ecc03d0e662e9f9e6c660c75398dfb5d');
INSERT INTO "archive_parts" VALUES(2,1,0,23,'blake3:2da6cd086a3fb392eaf4614743c2e40df3456aabfb478169c371fdda1880adba');
CREATE TABLE archives (
	id INTEGER NOT NULL, 
	uid VARCHAR(32) NOT NULL, 
	digest VARCHAR(80) NOT NULL, 
	size BIGINT NOT NULL, 
	layout TEXT, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (uid)
);
INSERT INTO "archives" VALUES(1,'92ec22f6e5b746b59f3f72e677d3ec64','blake3:a7251ad0d8e1741c78cf619d7e34ea37f23eeed2af8648c29b9cf98f217d8e56',10240,'[{"path": "model.yaml", "kind": "file", "mode": 420, "size": 108, "offset": 1024, "target": ""}, {"path": "weights.bin", "kind": "file", "mode": 420, "size": 7, "offset": 2048, "target": ""}]','2026-11-25 13:17:49.360089');
INSERT INTO "archives" VALUES(2,'c868093c9df24e8e9e78125fd73e0cd5','blake3:188d36adbd59f8cd95007ac80713bd87a4a5cffb40fb8db20fd9dbe1e9694917',23,NULL,'2026-11-25 13:17:49.438720');
CREATE TABLE events (
	id INTEGER NOT NULL, 
	uid VARCHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, 
	user_id INTEGER NOT NULL, 
	token_name VARCHAR(128) NOT NULL, 
	operation VARCHAR(64) NOT NULL, 
	resource_type VARCHAR(32) NOT NULL, 
	resource_name VARCHAR(256) NOT NULL, 
	info TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (uid), 
	FOREIGN KEY(user_id) REFERENCES users (id)
);
INSERT INTO "events" VALUES(1,'af86f27be50f4798aa1b50af0bf0ecd0','2026-11-25 13:17:49.244845',1,'admin','created','model_repository','kept','{}');
INSERT INTO "events" VALUES(2,'69b33c14698d47b99713ccf9eab8b267','2026-11-25 13:17:49.304608',1,'admin','created','model','kept:v1','{}');
INSERT INTO "events" VALUES(3,'e79a03cc74e243d0aefb21cdde24713a','2026-11-25 13:17:49.333484',1,'admin','upload-started','model','kept:v1','{}');
INSERT INTO "events" VALUES(4,'01482e461fde40cf8754f96b7b35e9ff','2026-11-25 13:17:49.379539',1,'admin','pushed','model','kept:v1','{"force": false}');
INSERT INTO "events" VALUES(5,'486f5e51dbb643e2a49d002eb774ed0f','2026-11-25 13:17:49.401056',1,'admin','created','model','kept:v2','{}');
INSERT INTO "events" VALUES(6,'4d40ce39b8704de499d2ec086a0f8125','2026-11-25 13:17:49.417463',1,'admin','upload-started','model','kept:v2','{}');
INSERT INTO "events" VALUES(7,'7b6ea2ceea40438fa7e3aad1e362f99a','2026-11-25 13:17:49.456506',1,'admin','pushed','model','kept:v2','{"force": false}');
INSERT INTO "events" VALUES(8,'63b2020e91cc4c4e93b399bcf01348a4','2026-11-25 13:17:49.469436',1,'admin','created','model','kept:v3','{}');
INSERT INTO "events" VALUES(9,'6c826d9cd6fe4ab29ed156cc1a90f16b','2026-11-25 13:17:49.479802',1,'admin','upload-started','model','kept:v3','{}');
CREATE TABLE model_labels (
	owner_id INTEGER NOT NULL, 
	"key" VARCHAR(128) NOT NULL, 
	value VARCHAR(1024) NOT NULL, 
	PRIMARY KEY (owner_id, "key"), 
	FOREIGN KEY(owner_id) REFERENCES models (id)
);
CREATE TABLE models (
	id INTEGER NOT NULL, 
	uid VARCHAR(32) NOT NULL, 
	repository_id INTEGER NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	description TEXT NOT NULL, 
	labels TEXT NOT NULL, 
	manifest TEXT NOT NULL, 
	module VARCHAR(256) NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	build_at DATETIME NOT NULL, 
	archive_id INTEGER, 
	creator_id INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	deleted_at DATETIME, 
	upload_status VARCHAR(16) NOT NULL, 
	upload_started_at DATETIME, 
	upload_finished_at DATETIME, 
	upload_finished_reason TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (uid), 
	FOREIGN KEY(repository_id) REFERENCES repositories (id), 
	FOREIGN KEY(archive_id) REFERENCES archives (id), 
	FOREIGN KEY(creator_id) REFERENCES users (id)
);
INSERT INTO "models" VALUES(1,'4143790704fc478b89a6e1a8d4260fe2',1,'v1','','[]','{"module": "bentoml.sklearn", "api_version": "v1", "bentoml_version": "1.4.39", "size_bytes": 115, "metadata": {}, "context": {}, "options": {}}','bentoml.sklearn',115,'2026-03-04 05:06:07.000008',1,1,'2026-11-25 13:17:49.291537','2026-11-25 13:17:49.375190',NULL,'success','2026-11-25 13:17:49.326377','2026-11-25 13:17:49.375050','');
INSERT INTO "models" VALUES(2,'58605cbfd1b04327a2cd4ea190e77756',1,'v2','','[]','{"module": "bentoml.sklearn", "api_version": "v1", "bentoml_version": "1.4.39", "size_bytes": 1, "metadata": {}, "context": {}, "options": {}}','bentoml.sklearn',1,'2026-11-25 13:17:49.395059',2,1,'2026-11-25 13:17:49.395059','2026-11-25 13:17:49.449962',NULL,'success','2026-11-25 13:17:49.411855','2026-11-25 13:17:49.449843','');
INSERT INTO "models" VALUES(3,'b3fa9e7b372c4cd88710ab0ce1e00ba8',1,'v3','','[]','{"module": "bentoml.sklearn", "api_version": "v1", "bentoml_version": "1.4.39", "size_bytes": 1, "metadata": {}, "context": {}, "options": {}}','bentoml.sklearn',1,'2026-11-25 13:17:49.463486',NULL,1,'2026-11-25 13:17:49.463486','2026-11-25 13:17:49.463486',NULL,'pending',NULL,NULL,'');
CREATE TABLE repositories (
	id INTEGER NOT NULL, 
	uid VARCHAR(32) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	description TEXT NOT NULL, 
	labels TEXT NOT NULL, 
	creator_id INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (uid), 
	UNIQUE (name), 
	FOREIGN KEY(creator_id) REFERENCES users (id)
);
INSERT INTO "repositories" VALUES(1,'6973af6b59e844cca6fd26924a825165','kept','','[]',1,'2026-11-25 13:17:49.230691','2026-11-25 13:17:49.451203');
CREATE TABLE repository_labels (
	owner_id INTEGER NOT NULL, 
	"key" VARCHAR(128) NOT NULL, 
	value VARCHAR(1024) NOT NULL, 
	PRIMARY KEY (owner_id, "key"), 
	FOREIGN KEY(owner_id) REFERENCES repositories (id)
);
CREATE TABLE tokens (
	id INTEGER NOT NULL, 
	uid VARCHAR(32) NOT NULL, 
	user_id INTEGER NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	description TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	scopes TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	expired_at DATETIME, 
	last_used_at DATETIME, 
	revoked_at DATETIME, 
	PRIMARY KEY (id), 
	UNIQUE (uid), 
	FOREIGN KEY(user_id) REFERENCES users (id), 
	UNIQUE (digest)
);
INSERT INTO "tokens" VALUES(1,'admin',1,'admin','made by the server','59235d09b32fa295850365b45c2b04f04e954ed2b1d29a5d8415ef237e6d342f','["api"]','2026-11-25 13:17:49.146577',NULL,'2026-11-25 13:17:49.219197',NULL);
CREATE TABLE upload_parts (
	upload_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	declared_size BIGINT, 
	declared_digest VARCHAR(80), 
	size BIGINT, 
	digest VARCHAR(80), 
	PRIMARY KEY (upload_id, number), 
	FOREIGN KEY(upload_id) REFERENCES uploads (id)
);
CREATE TABLE uploads (
	id INTEGER NOT NULL, 
	uid VARCHAR(32) NOT NULL, 
	model_id INTEGER NOT NULL, 
	creator_id INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	manifest TEXT, 
	labels TEXT, 
	build_at DATETIME, 
	archive_id INTEGER, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (uid), 
	FOREIGN KEY(model_id) REFERENCES models (id), 
	FOREIGN KEY(creator_id) REFERENCES users (id), 
	FOREIGN KEY(archive_id) REFERENCES archives (id)
);
INSERT INTO "uploads" VALUES(1,'5b0c3a58e1264fd2b97d20ddc29e9224',1,1,'published','{"module": "bentoml.sklearn", "api_version": "v1", "bentoml_version": "1.4.39", "size_bytes": 115, "metadata": {}, "context": {}, "options": {}}','[]','2026-03-04 05:06:07.000008',1,'2026-11-25 13:17:49.334151');
INSERT INTO "uploads" VALUES(2,'a3d24ba600a748d19d455486e5b5d546',2,1,'published',NULL,NULL,NULL,2,'2026-11-25 13:17:49.418091');
INSERT INTO "uploads" VALUES(3,'943599cf1f734f2787d63cc66f5aa7d2',3,1,'open',NULL,NULL,NULL,NULL,'2026-11-25 13:17:49.480521');
CREATE TABLE users (
	id INTEGER NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "users" VALUES(1,'admin','admin','2026-11-25 13:17:49.142668');
CREATE INDEX repository_labels_key ON repository_labels ("key", value);
CREATE UNIQUE INDEX models_tag ON models (repository_id, version) WHERE deleted_at IS NULL;
CREATE INDEX models_newest ON models (repository_id, upload_status, build_at);
CREATE INDEX model_labels_key ON model_labels ("key", value);
CREATE INDEX ix_uploads_model_id ON uploads (model_id);
COMMIT;
