// CloudFormation's intrinsic functions, as far as the CDK emits them: enough to read a synthesised template without
// AWS. Pure. An intrinsic that is not here throws, so that the local runtime never runs half of what is deployed.

/** A synthesised template, as far as the local runtime reads it. */
export type Template = {
  Parameters?: Record<string, { Default?: unknown }>;
  Conditions?: Record<string, unknown>;
  Resources: Record<string, TemplateResource>;
};
export type TemplateResource = { Type: string; Properties?: Record<string, unknown> };

/** What resources are called on this machine: their `Ref` and their attributes. */
export type LocalNames = {
  ref: (logicalId: string, resource: TemplateResource) => string;
  attribute: (logicalId: string, resource: TemplateResource, attribute: string) => string;
};

/** Where the local cloud pretends to be. */
export const LOCAL_REGION = "us-east-1";
export const LOCAL_ACCOUNT = "000000000000";
export const LOCAL_PARTITION = "aws";

const PSEUDO_PARAMETERS: Readonly<Record<string, string>> = {
  "AWS::AccountId": LOCAL_ACCOUNT,
  "AWS::Partition": LOCAL_PARTITION,
  "AWS::Region": LOCAL_REGION,
  "AWS::StackName": "Overspan",
  "AWS::URLSuffix": "localhost",
};

const NO_VALUE = Symbol("AWS::NoValue");

/** Returns a function that resolves every intrinsic in a value of the template; parameters have their defaults. */
export function templateResolver(template: Template, names: LocalNames): (value: unknown) => unknown {
  const resolve = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(resolve).filter((item) => item !== NO_VALUE);
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value);
    const [name, argument] = entries[0] ?? [];
    if (entries.length === 1 && (name === "Ref" || name === "Condition" || name?.startsWith("Fn::"))) {
      // A policy statement's `Condition` is an object; CloudFormation's is a name.
      if (name !== "Condition" || typeof argument === "string") return intrinsic(name, argument);
    }
    return Object.fromEntries(
      entries.map(([key, member]) => [key, resolve(member)]).filter(([, member]) => member !== NO_VALUE),
    );
  };

  const intrinsic = (name: string, argument: unknown): unknown => {
    switch (name) {
      case "Ref":
        return ref(argument as string);
      case "Fn::GetAtt":
        return attribute(argument as string | [string, string]);
      case "Fn::Join": {
        const [separator, parts] = argument as [string, unknown];
        return (resolve(parts) as unknown[]).join(separator);
      }
      case "Fn::Sub":
        return substitute(argument);
      case "Fn::If": {
        const [condition, yes, no] = argument as [string, unknown, unknown];
        return resolve(holds(condition) ? yes : no);
      }
      case "Condition":
        return holds(argument as string);
      case "Fn::Equals": {
        const [a, b] = resolve(argument) as [unknown, unknown];
        return a === b;
      }
      case "Fn::Not":
        return !(resolve(argument) as unknown[])[0];
      case "Fn::And":
        return (resolve(argument) as unknown[]).every(Boolean);
      case "Fn::Or":
        return (resolve(argument) as unknown[]).some(Boolean);
      case "Fn::Select": {
        const [index, list] = resolve(argument) as [number | string, unknown[]];
        return list[Number(index)];
      }
      case "Fn::Split": {
        const [separator, text] = resolve(argument) as [string, string];
        return text.split(separator);
      }
      default:
        throw new Error(`the template uses ${name}, which the local runtime does not know`);
    }
  };

  const ref = (id: string): unknown => {
    if (id === "AWS::NoValue") return NO_VALUE;
    const pseudo = PSEUDO_PARAMETERS[id];
    if (pseudo !== undefined) return pseudo;
    const parameter = template.Parameters?.[id];
    if (parameter) return parameter.Default ?? "";
    return names.ref(id, resourceOf(id));
  };

  const attribute = (argument: string | [string, string]): string => {
    const dot = typeof argument === "string" ? argument.indexOf(".") : -1;
    const id = typeof argument === "string" ? argument.slice(0, dot) : argument[0];
    return names.attribute(id, resourceOf(id), typeof argument === "string" ? argument.slice(dot + 1) : argument[1]);
  };

  const substitute = (argument: unknown): string => {
    const [text, values] = (Array.isArray(argument) ? argument : [argument, {}]) as [string, Record<string, unknown>];
    return text.replaceAll(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
      if (literal) return `\${${name}}`;
      if (name in values) return String(resolve(values[name]));
      return String(name.includes(".") ? attribute(name) : ref(name));
    });
  };

  const holds = (condition: string): boolean => {
    const expression = template.Conditions?.[condition];
    if (expression === undefined) throw new Error(`the template has no condition ${condition}`);
    return Boolean(resolve(expression));
  };

  const resourceOf = (id: string): TemplateResource => {
    const resource = template.Resources[id];
    if (!resource) throw new Error(`the template refers to ${id}, which is not in it`);
    return resource;
  };

  return resolve;
}
