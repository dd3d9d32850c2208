// Request, Response and Headers for the simulation, as far as Hono and the API use them with texts as bodies: those of the
// platform make a stream of each body and a signal for each request, which took as long as the API itself.

export class Headers {
  readonly #values = new Map<string, string>();

  constructor(init: Headers | Readonly<Record<string, string>> = {}) {
    for (const [name, value] of init instanceof Headers ? init : Object.entries(init)) this.set(name, value);
  }
  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }
  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }
  set(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), value);
  }
  append(name: string, value: string): void {
    const before = this.get(name);
    this.set(name, before === null ? value : `${before}, ${value}`);
  }
  delete(name: string): void {
    this.#values.delete(name.toLowerCase());
  }
  forEach(act: (value: string, name: string) => void): void {
    for (const [name, value] of this) act(value, name);
  }
  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.#values[Symbol.iterator]();
  }
}

type HeadersInit = ConstructorParameters<typeof Headers>[0];

/** @throws TypeError for a body that is no text, or was read before */
class Message {
  readonly headers: Headers;
  readonly body: string | null;
  bodyUsed = false;

  constructor(body: unknown, headers: HeadersInit) {
    if (body !== undefined && body !== null && typeof body !== "string") throw new TypeError("a body that is no text");
    this.body = body ?? null;
    this.headers = new Headers(headers);
  }
  async text(): Promise<string> {
    if (this.bodyUsed) throw new TypeError("the body was read before");
    this.bodyUsed = this.body !== null;
    return this.body ?? "";
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    return new TextEncoder().encode(await this.text()).buffer;
  }
  async json(): Promise<unknown> {
    return JSON.parse(await this.text()) as unknown;
  }
}

type RequestInit = { readonly method?: string; readonly headers?: HeadersInit; readonly body?: unknown };

export class Request extends Message {
  readonly url: string;
  readonly method: string;

  constructor(url: string, { method = "GET", headers, body }: RequestInit = {}) {
    super(body, headers);
    this.url = url;
    this.method = method;
  }
}

type ResponseInit = { readonly status?: number; readonly headers?: HeadersInit };

export class Response extends Message {
  readonly status: number;

  constructor(body?: unknown, { status = 200, headers }: ResponseInit = {}) {
    super(body, headers);
    this.status = status;
  }
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }
}
