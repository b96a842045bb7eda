// What every route needs to know of a request's sender.

/** As Cloudflare saw it; it sets this header itself, whatever the client sent. */
export const clientAddress = (request: Request): string => request.headers.get('cf-connecting-ip') ?? 'local';
