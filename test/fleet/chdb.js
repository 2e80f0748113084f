// ClickHouse's HTTP interface, as far as the tests need it, before the engine itself
// (libchdb): node chdb.js PORT DIRECTORY
const http = require('http');
const zlib = require('zlib');
const { Session } = require('chdb');

const [, , port, dir] = process.argv;
const session = new Session(dir);
const quote = (v) => (/^[0-9]+$/.test(v) ? v : `'${v.replace(/[\\']/g, '\\$&')}'`);

function answer(url, body) {
  let sql = url.searchParams.get('query') || '';
  const settings = [...url.searchParams].filter(([k]) => k !== 'query').map(([k, v]) => `${k}=${quote(v)}`);
  if (settings.length) sql = sql.replace(/ FORMAT /, ` SETTINGS ${settings.join(',')} FORMAT `);
  return session.query(sql ? `${sql}\n${body}` : body, 'TabSeparated') || '';
}

http.createServer((req, res) => {
  const parts = [];
  req.on('data', (b) => parts.push(b)).on('end', () => {
    try {
      let body = Buffer.concat(parts);
      if (req.headers['content-encoding'] === 'gzip') body = zlib.gunzipSync(body);
      res.end(answer(new URL(req.url, 'http://localhost'), body.toString()));
    } catch (e) {
      const code = /Code: (\d+)/.exec(e.message);
      res.statusCode = 500;
      if (code) res.setHeader('X-ClickHouse-Exception-Code', code[1]);
      res.end(`${e.message}\n`);
    }
  });
}).listen(+port, '127.0.0.1');
