// Finds the Java that the DynamoDB engine needs: $JAVA_HOME/bin/java, else `java` on the path, version 17 or newer.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { StartFailure } from "./start-failure.ts";

/** DynamoDB Local 3 is compiled for Java 17. */
const OLDEST_JAVA = 17;

const REMEDY =
  "On Debian and Ubuntu: apt-get install openjdk-17-jre-headless. If Java is somewhere else, set JAVA_HOME to its folder.";

/** The command to run; StartFailure with the remedy if there is no Java or one that is too old. */
export async function findJava(environment: NodeJS.ProcessEnv): Promise<string> {
  const command = environment.JAVA_HOME ? join(environment.JAVA_HOME, "bin", "java") : "java";
  let text: string;
  try {
    // `java -version` prints to stderr.
    text = (await promisify(execFile)(command, ["-version"], { env: environment, timeout: 20_000 })).stderr;
  } catch (cause) {
    throw new StartFailure(
      `The local runtime keeps its data in DynamoDB's local engine, which needs Java ${OLDEST_JAVA} or newer, and ${command} cannot be run (${(cause as Error).message.split("\n")[0]}). ${REMEDY}`,
      { cause },
    );
  }
  const version = javaMajorVersion(text);
  if (version === undefined || version < OLDEST_JAVA)
    throw new StartFailure(
      `DynamoDB's local engine needs Java ${OLDEST_JAVA} or newer, and ${command} is ${version === undefined ? "of an unknown version" : `version ${version}`}. ${REMEDY}`,
    );
  return command;
}

/** Reads the output of `java -version`: `"17.0.21"` is 17, and `"1.8.0_402"` is 8. */
export function javaMajorVersion(text: string): number | undefined {
  const parts = /version "(\d+)(?:\.(\d+))?/.exec(text);
  if (!parts) return undefined;
  return parts[1] === "1" ? Number(parts[2]) : Number(parts[1]);
}
