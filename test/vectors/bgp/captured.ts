// UPDATEs and OPENs as real daemons sent them on an iBGP session (AS 65000), captured on 2026-11-22 from Debian's
// packages, without the 16 octets of the marker. `origin` names the daemon. A vector is read in both directions.

export type UpdateVector = {
  readonly origin: string;
  readonly hex: string;
  readonly announced?: readonly object[];
  readonly withdrawn?: readonly object[];
  readonly nextHop?: string;
  readonly routeTargets?: readonly string[];
  /** What else `pathInformation` must contain. */
  readonly also?: object;
};

export const UPDATE_VECTORS: readonly UpdateVector[] = [
  {
    origin: "FRR 8.4.4: RT-5 with router MAC",
    hex: `
      00 79 02 00 00 00 62 90 0e 00 2d 00 19 46 04 0a 63 00 01 00 05 22 00 01 0a 63 00 01 00 01 00 00
      00 00 00 00 00 00 00 00 00 00 00 00 18 c6 33 64 00 00 00 00 00 00 13 88 40 01 01 00 50 02 00 00
      80 04 04 00 00 00 00 40 05 04 00 00 00 64 c0 10 18 03 0c 00 00 00 00 00 08 00 02 fd e8 00 00 13
      88 06 03 2e f8 6a 5d 97 10`,
    announced: [
      {
        type: "ip-prefix",
        rd: "10.99.0.1:1",
        esi: "00000000000000000000",
        ethernetTag: 0,
        prefix: "198.51.100.0/24",
        gateway: "0.0.0.0",
        vni: 5000,
      },
    ],
    nextHop: "10.99.0.1",
    routeTargets: ["65000:5000"],
    also: { routerMac: "2e:f8:6a:5d:97:10" },
  },
  {
    origin: "FRR 8.4.4: RT-3",
    hex: `
      00 65 02 00 00 00 4e 90 0e 00 1c 00 19 46 04 0a 63 00 01 00 03 11 00 01 0a 63 00 01 00 02 00 00
      00 00 20 0a 63 00 01 40 01 01 00 50 02 00 00 40 05 04 00 00 00 64 c0 10 10 03 0c 00 00 00 00 00
      08 00 02 fd e8 00 00 00 64 c0 16 09 00 06 00 00 64 0a 63 00 01`,
    announced: [{ type: "imet", rd: "10.99.0.1:2", ethernetTag: 0, originator: "10.99.0.1" }],
    nextHop: "10.99.0.1",
    routeTargets: ["65000:100"],
    also: { pmsi: { tunnelType: 6, leafInformationRequired: false, vni: 100, endpoint: "10.99.0.1" } },
  },
  {
    origin: "FRR 8.4.4: RT-2 MAC only",
    hex: `
      00 69 02 00 00 00 52 90 0e 00 2c 00 19 46 04 0a 63 00 01 00 02 21 00 01 0a 63 00 01 00 02 00 00
      00 00 00 00 00 00 00 00 00 00 00 00 30 02 aa 00 00 00 01 00 00 00 64 40 01 01 00 50 02 00 00 40
      05 04 00 00 00 64 c0 10 10 03 0c 00 00 00 00 00 08 00 02 fd e8 00 00 00 64`,
    announced: [
      {
        type: "mac-ip",
        rd: "10.99.0.1:2",
        esi: "00000000000000000000",
        ethernetTag: 0,
        mac: "02:aa:00:00:00:01",
        vni: 100,
      },
    ],
    nextHop: "10.99.0.1",
    routeTargets: ["65000:100"],
  },
  {
    origin: "FRR 8.4.4: RT-2 sticky",
    hex: `
      00 71 02 00 00 00 5a 90 0e 00 2c 00 19 46 04 0a 63 00 01 00 02 21 00 01 0a 63 00 01 00 02 00 00
      00 00 00 00 00 00 00 00 00 00 00 00 30 02 aa 00 00 00 02 00 00 00 64 40 01 01 00 50 02 00 00 40
      05 04 00 00 00 64 c0 10 18 03 0c 00 00 00 00 00 08 00 02 fd e8 00 00 00 64 06 00 01 00 00 00 00
      00`,
    announced: [
      {
        type: "mac-ip",
        rd: "10.99.0.1:2",
        esi: "00000000000000000000",
        ethernetTag: 0,
        mac: "02:aa:00:00:00:02",
        vni: 100,
      },
    ],
    nextHop: "10.99.0.1",
    routeTargets: ["65000:100"],
    also: { mobility: { sequence: 0, sticky: true } },
  },
  {
    origin: "FRR 8.4.4: RT-2 with IPv4 and IPv6 and an L3 VNI",
    hex: `
      00 b6 02 00 00 00 9f 90 0e 00 69 00 19 46 04 0a 63 00 01 00 02 28 00 01 0a 63 00 01 00 02 00 00
      00 00 00 00 00 00 00 00 00 00 00 00 30 02 aa 00 00 00 01 20 0a 01 00 05 00 00 64 00 13 88 02 34
      00 01 0a 63 00 01 00 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 30 02 aa 00 00 00 01 80 20 01
      0d b8 00 00 00 00 00 00 00 00 00 00 00 05 00 00 64 00 13 88 40 01 01 00 50 02 00 00 40 05 04 00
      00 00 64 c0 10 20 03 0c 00 00 00 00 00 08 00 02 fd e8 00 00 00 64 00 02 fd e8 00 00 13 88 06 03
      2e f8 6a 5d 97 10`,
    announced: [
      {
        type: "mac-ip",
        rd: "10.99.0.1:2",
        esi: "00000000000000000000",
        ethernetTag: 0,
        mac: "02:aa:00:00:00:01",
        ip: "10.1.0.5",
        vni: 100,
        l3Vni: 5000,
      },
      {
        type: "mac-ip",
        rd: "10.99.0.1:2",
        esi: "00000000000000000000",
        ethernetTag: 0,
        mac: "02:aa:00:00:00:01",
        ip: "2001:db8::5",
        vni: 100,
        l3Vni: 5000,
      },
    ],
    nextHop: "10.99.0.1",
    routeTargets: ["65000:100", "65000:5000"],
    also: { routerMac: "2e:f8:6a:5d:97:10" },
  },
  {
    origin: "FRR 8.4.4: withdrawal of RT-2",
    hex: `
      00 41 02 00 00 00 2a 90 0f 00 26 00 19 46 02 21 00 01 0a 63 00 01 00 02 00 00 00 00 00 00 00 00
      00 00 00 00 00 00 30 02 aa 00 00 00 02 00 00 00 00`,
    withdrawn: [
      {
        type: "mac-ip",
        rd: "10.99.0.1:2",
        esi: "00000000000000000000",
        ethernetTag: 0,
        mac: "02:aa:00:00:00:02",
        vni: 0,
      },
    ],
  },
  {
    origin: "GoBGP 3.10: RT-3",
    hex: `
      00 63 02 00 00 00 4c 40 01 01 02 40 02 00 40 05 04 00 00 00 64 80 0e 1c 00 19 46 04 0a 63 00 02
      00 03 11 00 01 0a 63 00 02 00 64 00 00 00 00 20 0a 63 00 02 c0 10 10 00 02 fd e8 00 00 00 64 03
      0c 00 00 00 00 00 08 c0 16 09 00 06 00 00 64 0a 63 00 02`,
    announced: [{ type: "imet", rd: "10.99.0.2:100", ethernetTag: 0, originator: "10.99.0.2" }],
    nextHop: "10.99.0.2",
    routeTargets: ["65000:100"],
    also: { pmsi: { tunnelType: 6, leafInformationRequired: false, vni: 100, endpoint: "10.99.0.2" } },
  },
  {
    origin: "GoBGP 3.10: RT-2 MAC only",
    hex: `
      00 67 02 00 00 00 50 40 01 01 02 40 02 00 40 05 04 00 00 00 64 80 0e 2c 00 19 46 04 0a 63 00 02
      00 02 21 00 01 0a 63 00 02 00 64 00 00 00 00 00 00 00 00 00 00 00 00 00 00 30 02 dd 00 00 00 01
      00 00 00 64 c0 10 10 00 02 fd e8 00 00 00 64 03 0c 00 00 00 00 00 08`,
    announced: [
      {
        type: "mac-ip",
        rd: "10.99.0.2:100",
        esi: "00000000000000000000",
        ethernetTag: 0,
        mac: "02:dd:00:00:00:01",
        vni: 100,
      },
    ],
    nextHop: "10.99.0.2",
    routeTargets: ["65000:100"],
  },
  {
    origin: "GoBGP 3.10: RT-2 with IPv6, IPv6 next hop",
    hex: `
      00 83 02 00 00 00 6c 40 01 01 02 40 02 00 40 05 04 00 00 00 64 80 0e 48 00 19 46 10 20 01 0d b8
      00 00 00 00 00 00 00 00 00 00 00 02 00 02 31 00 01 0a 63 00 02 00 64 00 00 00 00 00 00 00 00 00
      00 00 00 00 00 30 02 dd 00 00 00 02 80 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 44 00 00 64
      c0 10 10 00 02 fd e8 00 00 00 64 03 0c 00 00 00 00 00 08`,
    announced: [
      {
        type: "mac-ip",
        rd: "10.99.0.2:100",
        esi: "00000000000000000000",
        ethernetTag: 0,
        mac: "02:dd:00:00:00:02",
        ip: "2001:db8::44",
        vni: 100,
      },
    ],
    nextHop: "2001:db8::2",
    routeTargets: ["65000:100"],
  },
  {
    origin: "GoBGP 3.10: RT-5 with router MAC",
    hex: `
      00 70 02 00 00 00 59 40 01 01 02 40 02 00 40 05 04 00 00 00 64 80 0e 2d 00 19 46 04 0a 63 00 02
      00 05 22 00 01 0a 63 00 02 13 88 00 00 00 00 00 00 00 00 00 00 00 00 00 00 18 c6 33 64 00 00 00
      00 00 00 13 88 c0 10 18 00 02 fd e8 00 00 13 88 03 0c 00 00 00 00 00 08 06 03 02 ee 00 00 00 04`,
    announced: [
      {
        type: "ip-prefix",
        rd: "10.99.0.2:5000",
        esi: "00000000000000000000",
        ethernetTag: 0,
        prefix: "198.51.100.0/24",
        gateway: "0.0.0.0",
        vni: 5000,
      },
    ],
    nextHop: "10.99.0.2",
    routeTargets: ["65000:5000"],
    also: { routerMac: "02:ee:00:00:00:04" },
  },
  {
    origin: "GoBGP 3.10: RT-1 per EVI",
    hex: `
      00 5f 02 00 00 00 48 40 01 01 02 40 02 00 40 05 04 00 00 00 64 80 0e 24 00 19 46 04 0a 63 00 01
      00 01 19 00 01 0a 63 00 01 00 02 01 aa bb cc dd ee ff 00 64 00 00 00 00 00 00 00 64 c0 10 10 00
      02 fd e8 00 00 00 64 03 0c 00 00 00 00 00 08`,
    announced: [{ type: "ethernet-ad", rd: "10.99.0.1:2", esi: "01aabbccddeeff006400", ethernetTag: 0, vni: 100 }],
    nextHop: "10.99.0.1",
    routeTargets: ["65000:100"],
  },
  {
    origin: "GoBGP 3.10: RT-4",
    hex: `
      00 5d 02 00 00 00 46 40 01 01 02 40 02 00 40 05 04 00 00 00 64 80 0e 22 00 19 46 04 0a 63 00 02
      00 04 17 00 01 0a 63 00 02 00 64 00 01 02 03 04 05 06 07 08 09 20 0a 63 00 02 c0 10 10 00 02 fd
      e8 00 00 00 64 03 0c 00 00 00 00 00 08`,
    announced: [
      { type: "ethernet-segment", rd: "10.99.0.2:100", esi: "00010203040506070809", originator: "10.99.0.2" },
    ],
    nextHop: "10.99.0.2",
    routeTargets: ["65000:100"],
  },
  {
    origin: "GoBGP 3.10: withdrawal of RT-2",
    hex: `
      00 40 02 00 00 00 29 80 0f 26 00 19 46 02 21 00 01 0a 63 00 02 00 64 00 00 00 00 00 00 00 00 00
      00 00 00 00 00 30 02 dd 00 00 00 01 00 00 00 64`,
    withdrawn: [
      {
        type: "mac-ip",
        rd: "10.99.0.2:100",
        esi: "00000000000000000000",
        ethernetTag: 0,
        mac: "02:dd:00:00:00:01",
        vni: 100,
      },
    ],
  },
];

export const END_OF_RIB_VECTORS: readonly { readonly origin: string; readonly hex: string }[] = [
  { origin: "FRR 8.4.4", hex: "00 1d 02 00 00 00 06 80 0f 03 00 19 46" },
  // Not of that capture: composed after the form that it was seen to use, with the Extended Length flag.
  { origin: "ExaBGP 4.2.21", hex: "00 1e 02 00 00 00 07 90 0f 00 03 00 19 46" },
];

export const OPEN_VECTORS = {
  frr: `
      00 5f 01 04 fd e8 00 b4 0a 63 00 01 42 02 06 01 04 00 19 00 46 02 02 80 00 02 02 02 00 02 02 46
      00 02 06 41 04 00 00 fd e8 02 02 06 00 02 06 45 04 00 19 46 01 02 07 49 05 03 74 6f 72 00 02 04
      40 02 c0 78 02 09 47 07 00 19 46 80 00 00 00`,
  gobgp: `
      00 3b 01 04 fd e8 00 5a 0a 63 00 09 1e 02 1c 02 00 49 04 02 76 6d 00 01 04 00 19 00 46 41 04 00
      00 fd e8 05 06 00 19 00 46 00 02`,
} as const;
