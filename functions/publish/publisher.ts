// The port through which messages leave for the hosts' inboxes.

export type Publisher = {
  /** Sends one message (JSON text) to a host's inbox. Rejects if the broker did not take it. */
  publish(host: string, payload: string): Promise<void>;
};
