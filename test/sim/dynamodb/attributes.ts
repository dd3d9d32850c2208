// @aws-sdk/util-dynamodb for the simulation: the same attributes, at a fifth of the cost (the library looks at each text
// as a set, a map and sixteen kinds of octets before it takes it for a text). What is rare is left to the library.

import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { convertToAttr, convertToNative } from "@aws-sdk/util-dynamodb";

type Options = { readonly removeUndefinedValues?: boolean };

/** @throws Error for what the library refuses, and for an option that is not known here */
export function marshall(data: Readonly<Record<string, unknown>>, options: Options = {}): WireMap {
  for (const name in options) if (name !== "removeUndefinedValues") throw new Error(`marshall: unknown option ${name}`);
  return mapTo(data, options);
}

/** @throws Error for what the library refuses */
export function unmarshall(item: Readonly<WireMap>): Record<string, unknown> {
  return mapFrom(item);
}

type WireMap = Record<string, AttributeValue>;

function mapTo(data: Readonly<Record<string, unknown>>, options: Options): WireMap {
  const map: WireMap = {};
  for (const name in data) {
    const value = data[name];
    if (isKept(value, options)) map[name] = attributeOf(value, options);
  }
  return map;
}

function isKept(value: unknown, { removeUndefinedValues }: Options): boolean {
  return typeof value !== "function" && (value !== undefined || !removeUndefinedValues);
}

function attributeOf(value: unknown, options: Options): AttributeValue {
  if (typeof value === "string") return { S: value };
  if (typeof value === "number" && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return { N: String(value) };
  if (typeof value === "boolean") return { BOOL: value };
  if (value === null) return { NULL: true };
  if (Array.isArray(value)) {
    return { L: value.filter((one) => isKept(one, options)).map((one) => attributeOf(one, options)) };
  }
  if (isPlain(value)) return { M: mapTo(value, options) };
  return convertToAttr(value, options);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function mapFrom(item: Readonly<WireMap>): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  for (const name of Object.keys(item)) map[name] = valueOf(item[name]);
  return map;
}

function valueOf(attribute: AttributeValue | undefined): unknown {
  if (attribute?.S !== undefined) return attribute.S;
  if (attribute?.N !== undefined) {
    const value = Number(attribute.N);
    if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value;
  }
  if (attribute?.M !== undefined) return mapFrom(attribute.M);
  if (attribute?.L !== undefined) return attribute.L.map(valueOf);
  if (attribute?.BOOL !== undefined) return attribute.BOOL;
  return convertToNative(attribute ?? ({} as AttributeValue));
}
