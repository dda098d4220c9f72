// Writes the tables of docs/, its references and the dashboard anew from the code: node --import tsx test/docs/write.ts
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboard, DASHBOARD_FILE } from './dashboard.ts';
import { GENERATED, REFERENCES, ROOT, markdownOf, textOf, withGenerated } from './tables.ts';

const files = new Set<string>();
for (const [name, make] of Object.entries(GENERATED)) {
  const table = make();
  writeFileSync(join(ROOT, table.file), withGenerated(textOf(table.file), name, markdownOf(table)));
  files.add(table.file);
}
for (const [file, make] of Object.entries(REFERENCES)) {
  writeFileSync(join(ROOT, file), await make());
  files.add(file);
}
writeFileSync(join(ROOT, DASHBOARD_FILE), JSON.stringify(dashboard()));
files.add(DASHBOARD_FILE);
execFileSync(join(ROOT, 'node_modules/.bin/prettier'), ['--write', '--log-level', 'warn', ...files], {
  cwd: ROOT,
  stdio: 'inherit',
});
