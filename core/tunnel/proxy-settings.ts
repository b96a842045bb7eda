// Which proxy leads to the edge, from the environment. Only HTTPS goes by one: without TLS an edge is on this machine alone.

type Environment = Readonly<Record<string, string | undefined>>;

/** For Node's `http.setGlobalProxyFromEnv`. Undefined: none is set. */
export function proxySettings(env: Environment): { HTTPS_PROXY: string; NO_PROXY: string } | undefined {
  const proxy = env.https_proxy || env.HTTPS_PROXY;
  if (!proxy) return undefined;
  const without = env.no_proxy || env.NO_PROXY || '';
  return { HTTPS_PROXY: proxy, NO_PROXY: [without, 'localhost', '127.0.0.1', '::1'].filter(Boolean).join(',') };
}

/** What a proxy answered, in Node's words; undefined: the failure is none of a proxy's. Without the password that its URL may have. */
export function proxyFault(error: Error): string | undefined {
  const code = 'code' in error ? error.code : undefined;
  const isProxys = code === 'ERR_PROXY_TUNNEL' || /^Proxy response \(/.test(error.message);
  return isProxys ? `by the proxy of HTTPS_PROXY: ${error.message.trim().replace(/\/\/[^@/\s]*@/g, '//')}` : undefined;
}

/**
 * For what did not answer in time: which proxy may be why. Empty: there is none. `agent`: Node's global one for HTTPS, which keeps what
 * `setGlobalProxyFromEnv` was given.
 */
export function proxyNote(agent: { readonly options: object }): string {
  const kept = 'proxyEnv' in agent.options ? agent.options.proxyEnv : undefined;
  const proxy = typeof kept === 'object' && kept && 'HTTPS_PROXY' in kept ? kept.HTTPS_PROXY : undefined;
  return typeof proxy === 'string' ? `; HTTPS_PROXY is ${proxy.replace(/\/\/[^/]*@/, '//')}` : '';
}
