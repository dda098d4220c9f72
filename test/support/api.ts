// Asking the control API over HTTP with any headers: `fetch` sets some itself.
import { request, type IncomingHttpHeaders } from 'node:http';

export interface ApiAsked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}
export interface ApiAnswered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export const askApi = (url: string, { method = 'GET', path, headers = {}, body }: ApiAsked): Promise<ApiAnswered> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    // Said, since Node frames no body of a DELETE by itself.
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const sent = request({ hostname, port, path, method, headers: { ...headers, ...length } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { statusCode = 0, headers: got } = response;
        resolve({ status: statusCode, headers: got, text: Buffer.concat(chunks).toString() });
      });
    });
    sent.on('error', reject).end(body);
  });

/** Of a process on any free ports, over a Redis of the test's own. */
export const apiSettings = (redisUrl: string) => ({
  MIROIR_REDIS_URL: redisUrl,
  MIROIR_ALLOW_VOLATILE_REDIS: '1',
  MIROIR_METRICS_PORT: '0',
  MIROIR_API_PORT: '0',
  MIROIR_LOG_LEVEL: 'silent',
});

export const JSON_BODY = { 'content-type': 'application/json' } as const;
export const apiCode = ({ text }: ApiAnswered): unknown => (JSON.parse(text) as { code?: unknown }).code;
