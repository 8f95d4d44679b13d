"""Where it is kept: the tables, the engine settings that make commits durable, migrations."""
