/** Addresses that only this machine reaches, and names that lead there. */
const ADDRESS = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/;
const NAME = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

export const isLoopback = (host: string): boolean => ADDRESS.test(host);

/** Of a `Host` header. Without keys, a name that is not ours comes from a page elsewhere that rebinds DNS. */
export const isLoopbackName = (name: string | undefined): boolean => NAME.test(name ?? '');
