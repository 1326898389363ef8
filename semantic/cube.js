// Options for teams that run Cube Core on this folder: the data model in model/ is the same one that Headrace serves.
// Database and secret come from Cube's own environment variables (CUBEJS_DB_TYPE=duckdb or bigquery, CUBEJS_API_SECRET).
module.exports = {
  schemaPath: 'model',
  contextToAppId: () => 'headrace',
};
