/**
 * A connection to whichever server is the master: looked for at each connect, and left when another one is. So a cluster is
 * one server to everything else, the one with our slot, and a command is never sent twice behind a caller's back.
 */
import { Socket, createConnection, isIP } from 'node:net';
import { type ConnectionOptions as TlsOptions, connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import type { Address } from '../config/redis-url.ts';
import { messageOf } from '../errors.ts';
import type { Witnesses } from './witnesses.ts';

/** How soon a connection leaves a master that is none any more and does not say so: one that stands still, or is cut off. */
const LOOK_MS = 1_000;
const CLOSED = 'Connection is closed.';

export type Connector = NonNullable<RedisOptions['Connector']>;

export function masterConnector(witnesses: Witnesses): Connector {
  return class MasterConnector extends AbstractConnector {
    readonly #tls: TlsOptions | null;

    constructor(options: unknown) {
      const { disconnectTimeout = 2_000, tls } = options as RedisOptions & { readonly tls?: TlsOptions | true };
      super(disconnectTimeout);
      this.#tls = tls === undefined ? null : tls === true ? {} : tls;
    }

    /** `INFO` of the server, before it is used: a replica was the master a moment ago. */
    override check({ role = 'master' }: { readonly role?: string }): boolean {
      return role === 'master';
    }

    override async connect(): Promise<Socket> {
      this.connecting = true;
      witnesses.hold(this);
      const stream = await this.#open().catch((error: unknown) => {
        // Thrown, it would end the client for good; a connection that breaks is tried again.
        this.firstError = error instanceof Error ? error : new Error(messageOf(error));
        return new Socket().destroy();
      });
      if (!this.connecting) {
        stream.destroy();
        witnesses.release(this);
        throw new Error(CLOSED);
      }
      this.stream = stream;
      if (stream.destroyed) witnesses.release(this);
      return stream;
    }

    async #open(): Promise<Socket> {
      const at = await witnesses.master();
      const name = isIP(at.host) === 0 ? { servername: at.host } : {};
      const stream = this.#tls === null ? createConnection(at) : connectTls({ ...at, ...name, ...this.#tls });
      stream.once('error', (error) => {
        this.firstError = error;
      });
      const look = setInterval(() => {
        witnesses.master().then(
          (now) => {
            if (!isSame(now, at)) stream.destroy(new Error(`the master is ${now.host}:${now.port} now`));
          },
          () => undefined, // nobody tells: it is kept for as long as it answers
        );
      }, LOOK_MS);
      stream.once('close', () => {
        clearInterval(look);
        witnesses.release(this);
      });
      return stream;
    }
  };
}

const isSame = (one: Address, other: Address): boolean => one.host === other.host && one.port === other.port;
