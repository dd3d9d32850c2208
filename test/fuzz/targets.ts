// All fuzz targets: one for each decoder of octets that come from outside.

import { BGP_TARGETS } from "./targets-bgp.ts";
import { JSON_TARGETS } from "./targets-json.ts";
import { NETLINK_TARGETS } from "./targets-netlink.ts";
import type { Target } from "./target.ts";

export const TARGETS: readonly Target[] = [...BGP_TARGETS, ...NETLINK_TARGETS, ...JSON_TARGETS];
