// Nominal types: a branded value was validated by the one parser that mints the brand.

declare const brand: unique symbol;

/** A `Base` that only the parser of `Name` can make. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
