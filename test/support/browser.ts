// Chromium without a window, from where src/setup.mjs has put it, else from PATH. Its network is closed but to the origin
// that is given: whatever a page asks for elsewhere is refused, and told.
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';

const UNPACKED = join(import.meta.dirname, '../../node_modules/.cache/miroir/chromium');
const NAMES = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];

/** What is not there by then does not come. */
const WAIT_MS = 12_000;

interface Found {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Libraries and fonts that came with it are found beside those of the machine. */
function unpacked(): Found | undefined {
  const path = join(UNPACKED, 'usr/lib/chromium/chromium-headless-shell');
  if (!existsSync(path)) return undefined;
  const libraries = readdirSync(join(UNPACKED, 'usr/lib'))
    .filter((name) => name.includes('-linux-gnu'))
    .flatMap((name) => ['', 'pulseaudio'].map((below) => join(UNPACKED, 'usr/lib', name, below)));
  const fonts = existsSync('/etc/fonts/fonts.conf') ? {} : { FONTCONFIG_PATH: join(UNPACKED, 'etc/fonts') };
  return {
    path,
    env: { LD_LIBRARY_PATH: libraries.join(delimiter), XDG_DATA_HOME: join(UNPACKED, 'usr/share'), ...fonts },
  };
}

function onPath(): Found | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const path = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((one) => existsSync(one));
  return path === undefined ? undefined : { path, env: {} };
}

export async function openBrowser(): Promise<Browser> {
  const found = unpacked() ?? onPath();
  if (found === undefined) {
    throw new Error(
      `none of ${NAMES.join(', ')} is there: on Debian \`node src/setup.mjs --tests\` fetches one (\`npm test\` does that first)`,
    );
  }
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined));
  return chromium.launch({
    executablePath: found.path,
    env: { ...(inherited as Record<string, string>), ...found.env },
    args: ['--disable-gpu', '--font-render-hinting=none'],
  });
}

export interface Visit {
  readonly context: BrowserContext;
  /** What was asked for elsewhere. */
  readonly refused: readonly string[];
}

export async function openContext(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({ baseURL: origin, ...options });
  context.setDefaultTimeout(WAIT_MS);
  const refused: string[] = [];
  await context.route(
    (url) => url.origin !== origin,
    (route) => {
      refused.push(route.request().url());
      return route.abort();
    },
  );
  return { context, refused };
}
