// Server-sent events (WHATWG HTML 9.2.6) from octets: a reader that is fed chunks and gives whole events. Pure.

export type ServerSentEvent = { id?: string; type: string; data: string };

export type EventReader = {
  /** The events that this chunk completes. */
  read(chunk: string): ServerSentEvent[];
  /** How long the server wants to be left alone after a break, ms. */
  retryMs(): number | undefined;
  /** The last id that was given; a reconnection goes on after it. */
  lastId(): string | undefined;
};

export function createEventReader(): EventReader {
  let rest = "";
  let isFirst = true;
  let type = "";
  let data: string[] = [];
  let retry: number | undefined;
  let id: string | undefined;

  function line(text: string): ServerSentEvent[] {
    if (text === "") {
      const event =
        data.length === 0
          ? []
          : [{ ...(id === undefined ? {} : { id }), type: type || "message", data: data.join("\n") }];
      type = "";
      data = [];
      return event;
    }
    const at = text.indexOf(":");
    const name = at < 0 ? text : text.slice(0, at);
    const value = at < 0 ? "" : text.slice(at + 1).replace(/^ /, "");
    if (name === "data") data.push(value);
    else if (name === "event") type = value;
    else if (name === "id" && !value.includes("\0")) id = value;
    else if (name === "retry" && /^\d{1,9}$/.test(value)) retry = Number(value);
    return [];
  }

  return {
    read(chunk) {
      rest += chunk;
      if (isFirst && rest !== "") {
        rest = rest.replace(/^\ufeff/, "");
        isFirst = false;
      }
      // A CR at the end may be half of a CRLF.
      const ready = rest.endsWith("\r") ? rest.slice(0, -1) : rest;
      const lines = ready.split(/\r\n|\r|\n/);
      const tail = lines.pop() ?? "";
      rest = rest.slice(ready.length - tail.length);
      return lines.flatMap(line);
    },
    retryMs: () => retry,
    lastId: () => id,
  };
}
