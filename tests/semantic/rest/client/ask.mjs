// Asks a server through Cube's own client: node ask.mjs API_URL TOKEN < [[method, ...arguments], ...]
// Prints one JSON line per call: {"value": ...}, or {"error": ..., "status": ...}.
import { readFileSync } from 'node:fs';
import cube from '@cubejs-client/core';

const [apiUrl, token] = process.argv.slice(2);
const api = cube(token, { apiUrl });

const calls = {
  load: async (query, options) => {
    const result = await api.load(query, options);
    return { raw: result.rawData(), table: result.tablePivot(), series: result.series() };
  },
  decompose: async (query) => (await api.load(query)).decompose().map((one) => one.tablePivot()),
  columns: async (query) => (await api.load(query)).tableColumns(),
  total: async (query) => (await api.load(query)).totalRows(),
  sql: async (query) => (await api.sql(query)).rawQuery(),
  dryRun: async (query) => {
    const { queryType, pivotQuery } = await api.dryRun(query);
    return { queryType, measures: pivotQuery.measures };
  },
  meta: async () => {
    const meta = await api.meta();
    return meta.cubes.map(({ name, type }) => [name, type]);
  },
  cubeSql: async (query) => api.cubeSql(query),
};

for (const [method, ...parameters] of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    console.log(JSON.stringify({ value: (await calls[method](...parameters)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.message ?? error), status: error.status ?? null }));
  }
}
