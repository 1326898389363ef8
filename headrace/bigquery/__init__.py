"""BigQuery as a gateway: the client, the reader for servers, SQLMesh's connection, and the emulator."""
