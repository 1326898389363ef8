"use strict";

// Real Cube's schema compiler behind JSON lines: one request a line on stdin, one reply a line on stdout.
//   {id, op: "open", key, files: [{fileName, content}]}        -> {id, ok: true} or {id, error}
//   {id, op: "sql", key, dialect, query, securityContext}      -> {id, sql, params, keys} or {id, error}
//   {id, op: "meta", key}                                      -> {id, cubes}
//   {id, op: "time", key, dialect, queries, warm}              -> {id, seconds: [...]}, one figure a query

process.env.CUBEJS_TESSERACT_SQL_PLANNER = "false";
process.env.CUBEJS_TELEMETRY = "false";


const native = require("@cubejs-backend/native");

// YAML without Jinja asks the Rust library for an engine and then never calls it.
native.NativeInstance.prototype.newJinjaEngine = () => ({
  loadTemplate: () => undefined,
  renderTemplate: async () => {
    throw new Error("the judge renders no Jinja");
  },
});

// Cube starts a pool of threads for every model; on small models that is most of the time. Here one module does it.
const workerpool = require("workerpool");
// It is loaded afresh for each model, since it gathers errors.
const TRANSPILER = require.resolve("@cubejs-backend/schema-compiler/dist/src/compiler/transpilers/transpiler_worker.js");
let workers = {};
workerpool.worker = (functions) => {
  workers = functions;
};
workerpool.pool = () => {
  delete require.cache[TRANSPILER];
  require(TRANSPILER);
  const own = workers;
  return { exec: async (name, parameters) => own[name](...parameters), terminate: async () => undefined };
};

const { prepareCompiler } = require("@cubejs-backend/schema-compiler");
const { BigqueryQuery } = require("@cubejs-backend/schema-compiler/dist/src/adapter/BigqueryQuery.js");
const { DuckDBQuery } = require("@cubejs-backend/duckdb-driver/dist/src/DuckDBQuery.js");

const DIALECTS = { duckdb: DuckDBQuery, bigquery: BigqueryQuery };
const models = new Map();

function repository(files) {
  return { localPath: () => "model", dataSchemaFiles: async () => files };
}

function compile(key, dialect, query, securityContext) {
  const context = { securityContext: securityContext || {} };
  return new DIALECTS[dialect](models.get(key), { ...query, contextSymbols: context });
}

const operations = {
  async open({ key, files }) {
    const compilers = prepareCompiler(repository(files), { standalone: true, omitErrors: false });
    await compilers.compiler.compile();
    models.set(key, compilers);
    return { ok: true };
  },
  async close({ key }) {
    models.delete(key);
    return { ok: true };
  },
  async meta({ key }) {
    return { cubes: models.get(key).metaTransformer.cubes };
  },
  async sql({ key, dialect, query, securityContext }) {
    const compiled = compile(key, dialect, query, securityContext);
    const [sql, params] = compiled.buildSqlAndParams();
    return { sql, params, keys: compiled.aliasNameToMember };
  },
  async time({ key, dialect, queries, warm }) {
    for (const query of warm || []) compile(key, dialect, query).buildSqlAndParams();
    const seconds = queries.map((query) => {
      const start = process.hrtime.bigint();
      compile(key, dialect, query).buildSqlAndParams();
      return Number(process.hrtime.bigint() - start) / 1e9;
    });
    return { seconds };
  },
};

// Whatever the compiler logs must not mix with the replies.
const reply = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

async function answer(line) {
  const request = JSON.parse(line);
  try {
    return { id: request.id, ...(await operations[request.op](request)) };
  } catch (error) {
    return { id: request.id, error: String(error && error.message ? error.message : error) };
  }
}

async function main() {
  const lines = require("node:readline").createInterface({ input: process.stdin, terminal: false });
  for await (const line of lines) {
    reply(`${JSON.stringify(await answer(line))}\n`);
  }
}

main();
