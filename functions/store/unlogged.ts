// Clients of the AWS SDK without its log. Its middleware works out what to log of every answer, secrets left out, attribute
// by attribute, and hands it to a logger that by default does nothing: of reading a large channel that was two fifths of
// all CPU.

type Client = { readonly middlewareStack: { remove(middleware: string): boolean } };

/** The SDK's name of it. */
const LOGGER = "loggerMiddleware";

/** The same client; nobody reads its log, so that it works out none. */
export function unlogged<C extends Client>(client: C): C {
  client.middlewareStack.remove(LOGGER);
  return client;
}
