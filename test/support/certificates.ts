// A certificate authority for one test, and a certificate of this machine's loopback that it has signed.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const run = promisify(execFile);
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];

/** Files in the folder; for servers and clients alike. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const file = (name: string): string => join(folder, name);
  const [ca, caKey, cert, key, asked, names] = ['ca.pem', 'ca.key', 'cert.pem', 'cert.key', 'asked.pem', 'names'].map(
    file,
  );
  await run('openssl', ['req', '-x509', ...NEW_KEY, '-subj', '/CN=a test', '-keyout', caKey!, '-out', ca!]);
  await run('openssl', ['req', ...NEW_KEY, '-subj', '/CN=loopback', '-keyout', key!, '-out', asked!]);
  await writeFile(names!, 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const signing = ['-CA', ca!, '-CAkey', caKey!, '-CAcreateserial', '-days', '2', '-extfile', names!];
  await run('openssl', ['x509', '-req', '-in', asked!, ...signing, '-out', cert!]);
  return { ca: ca!, cert: cert!, key: key! };
}
