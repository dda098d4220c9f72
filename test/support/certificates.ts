// A certificate authority for one test, and a certificate of this machine's loopback that it has signed. Node reads
// certificates and makes none, and not every machine has openssl: what a certificate is made of is little.
import { type KeyObject, generateKeyPairSync, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;

/** A value as DER writes it: tag, length, content. */
function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}
const sequence = (...content: readonly Buffer[]): Buffer => der(0x30, ...content);
const text = (tag: number, value: string): Buffer => der(tag, Buffer.from(value));
/** By its bytes: nobody reads these names but a parser. */
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));

const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));
const TRUE = der(0x01, Buffer.from([0xff]));
const nameOf = (value: string): Buffer => sequence(der(0x31, sequence(oid('550403'), text(0x0c, value))));
const extension = (hex: string, value: Buffer): Buffer => sequence(oid(hex), TRUE, der(0x04, value));
const IS_AUTHORITY = extension('551d13', sequence(TRUE));
const FOR_LOOPBACK = extension('551d11', sequence(text(0x82, 'localhost'), der(0x87, Buffer.from([127, 0, 0, 1]))));
const timeOf = (ms: number): Buffer => text(0x17, `${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`);

interface Subject {
  readonly name: string;
  readonly serial: number;
  readonly publicKey: KeyObject;
  readonly more: Buffer;
}

function certificate({ name, serial, publicKey, more }: Subject, issuer: string, issuerKey: KeyObject): string {
  const nowMs = Date.now();
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([serial])),
    ECDSA_WITH_SHA256,
    nameOf(issuer),
    sequence(timeOf(nowMs - DAY_MS), timeOf(nowMs + DAY_MS)),
    nameOf(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(more)),
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, issuerKey));
  const base64 = sequence(body, ECDSA_WITH_SHA256, signature).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
}

/** Files in the folder; for servers and clients alike. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const [authority, own] = [0, 1].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }));
  const issuer = 'a test';
  const { publicKey, privateKey } = authority!;
  const files = { ca: join(folder, 'ca.pem'), cert: join(folder, 'cert.pem'), key: join(folder, 'cert.key') };
  await writeFile(
    files.ca,
    certificate({ name: issuer, serial: 1, publicKey, more: IS_AUTHORITY }, issuer, privateKey),
  );
  const loopback = { name: 'loopback', serial: 2, publicKey: own!.publicKey, more: FOR_LOOPBACK };
  await writeFile(files.cert, certificate(loopback, issuer, privateKey));
  await writeFile(files.key, own!.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return files;
}
