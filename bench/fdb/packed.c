// What the kernel allows at best: the same entries as the other sides of the fdb bench, packed in C, 100 messages a send,
// with an acknowledgement of the last one only. It has no tables, compares nothing and hears of nothing.
// usage: packed VXLAN-IFINDEX BRIDGE-IFINDEX ENTRIES VTEPS

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[65536];
static struct nlmsghdr *last;
static int length, queued, sock;

static void attribute(struct nlmsghdr *header, int type, const void *value, int bytes) {
  struct rtattr *at = (struct rtattr *)((char *)header + NLMSG_ALIGN(header->nlmsg_len));
  at->rta_type = type;
  at->rta_len = RTA_LENGTH(bytes);
  memcpy(RTA_DATA(at), value, bytes);
  header->nlmsg_len = NLMSG_ALIGN(header->nlmsg_len) + RTA_ALIGN(at->rta_len);
}

static void flush(void) {
  if (queued == 0) return;
  last->nlmsg_flags |= NLM_F_ACK;
  if (send(sock, buffer, length, 0) < 0) { perror("send"); exit(1); }
  for (;;) {
    char answer[8192];
    int got = recv(sock, answer, sizeof answer, 0);
    struct nlmsghdr *header = (struct nlmsghdr *)answer;
    if (got < 0) { perror("recv"); exit(1); }
    struct nlmsgerr *error = NLMSG_DATA(header);
    if (error->error != 0) { fprintf(stderr, "refused: %d\n", error->error); exit(1); }
    if (header->nlmsg_seq == last->nlmsg_seq) break;
  }
  length = queued = 0;
}

static void entry(int family, int index, int state, int flags, uint32_t seq, const uint8_t *mac, uint32_t dst, int protocol) {
  struct nlmsghdr *header = (struct nlmsghdr *)(buffer + length);
  memset(header, 0, 256);
  header->nlmsg_len = NLMSG_LENGTH(sizeof(struct ndmsg));
  header->nlmsg_type = RTM_NEWNEIGH;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE;
  header->nlmsg_seq = seq;
  struct ndmsg *message = NLMSG_DATA(header);
  message->ndm_family = family;
  message->ndm_ifindex = index;
  message->ndm_state = state;
  message->ndm_flags = flags;
  attribute(header, NDA_LLADDR, mac, 6);
  attribute(header, NDA_DST, &dst, 4);
  if (protocol) { uint8_t value = protocol; attribute(header, NDA_PROTOCOL, &value, 1); }
  length += NLMSG_ALIGN(header->nlmsg_len);
  last = header;
  if (++queued == 100) flush();
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int vxlan = atoi(argv[1]), bridge = atoi(argv[2]), entries = atoi(argv[3]), vteps = atoi(argv[4]);
  sock = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  uint32_t seq = 1;
  for (int i = 0; i < entries; i++) {
    uint8_t mac[6] = {2, 0, 0, i >> 16, i >> 8, i};
    int vtep = i % vteps;
    uint32_t dst = htonl((198u << 24) | (18u << 16) | ((uint32_t)(vtep >> 8) << 8) | (uint32_t)((vtep & 0xff) + 1));
    entry(AF_BRIDGE, vxlan, NUD_REACHABLE, NTF_SELF | NTF_MASTER | NTF_EXT_LEARNED, seq++, mac, dst, 0);
  }
  for (int i = 0; i < entries; i++) {
    uint8_t mac[6] = {2, 0, 0, i >> 16, i >> 8, i};
    uint32_t ip = htonl((10u << 24) | (uint32_t)i);
    entry(AF_INET, bridge, NUD_PERMANENT, 0, seq++, mac, ip, 79);
  }
  flush();
  return 0;
}
