/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Reading sockets and socket addresses. Ports are written in host order, addresses as they are. */
#pragma once

#include "file.h"

#define UNIX_PATH_MAX 108

enum direction { OUTBOUND, INBOUND };

static __always_inline u16 host_order(u16 port)
{
	return __builtin_bswap16(port);
}

static __always_inline struct sock *sock_of_file(struct file *file)
{
	struct socket *socket;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline struct sock *sock_of(s32 fd)
{
	return sock_of_file(file_of(fd));
}

struct user_in {
	u16 family;
	u16 port;
	u32 addr;
};

struct user_in6 {
	u16 family;
	u16 port;
	u32 flow;
	struct in6_addr addr;
};

static __always_inline void push_in6(struct scratch *s, const struct in6_addr *addr)
{
	__builtin_memcpy(&s->data[s->end & EVENT_MASK], addr, 16);
	s->end += 16;
}

/* A path in the kernel's or our memory; abstract names lose their first NUL. */
static __always_inline u16 push_unix_path(struct scratch *s, const char *path)
{
	char first = 0;

	bpf_probe_read_kernel(&first, 1, path);
	return push_str_kernel(s, first ? path : path + 1, UNIX_PATH_MAX);
}

/* The longest address that we look at; programs pass up to 128 bytes, whatever the family. */
#define SOCKADDR_MAX 127

/* The address that lies in the place for paths, so long; one too short for its family is left out, as the kernel refuses it. */
static __always_inline void put_sockaddr_in(struct scratch *s, u32 length)
{
	u8 *raw = s->path;
	u16 written = 0;

	if (length < sizeof(u16)) {
		put_empty(s);
		return;
	}
	switch (*(u16 *)raw) {
	case AF_INET: {
		struct user_in *in = (void *)raw;

		if (length < sizeof(*in))
			break;
		push_u8(s, F_SOCKET_FAMILIES__AF_INET);
		push_u32(s, in->addr);
		push_u16(s, host_order(in->port));
		written = 7;
		break;
	}
	case AF_INET6: {
		struct user_in6 *in = (void *)raw;

		if (length < sizeof(*in))
			break;
		push_u8(s, F_SOCKET_FAMILIES__AF_INET6);
		push_in6(s, &in->addr);
		push_u16(s, host_order(in->port));
		written = 19;
		break;
	}
	case AF_UNIX:
		raw[masked(length, SOCKADDR_MAX)] = 0;
		push_u8(s, F_SOCKET_FAMILIES__AF_UNIX);
		written = 1 + push_unix_path(s, (char *)raw + 2);
		break;
	}
	put_length(s, written);
}

/* An address that a program passed in. */
static __always_inline void put_sockaddr(struct scratch *s, const void *from, u32 length)
{
	if (length > SOCKADDR_MAX)
		length = SOCKADDR_MAX;
	length = masked(length, SOCKADDR_MAX);
	if (!from || bpf_probe_read_user(s->path, length, from))
		length = 0;
	put_sockaddr_in(s, length);
}

static __always_inline u16 push_tuple_in(struct scratch *s, struct sock *sk, enum direction direction, const void *to)
{
	struct inet_sock *inet = (void *)sk;
	u32 local = BPF_CORE_READ(inet, inet_saddr), remote = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	u16 local_port = BPF_CORE_READ(inet, inet_sport), remote_port = BPF_CORE_READ(sk, __sk_common.skc_dport);

	if (!remote_port && to) {
		struct user_in in = {};

		bpf_probe_read_user(&in, sizeof(in), to);
		remote = in.addr;
		remote_port = in.port;
	}
	push_u8(s, F_SOCKET_FAMILIES__AF_INET);
	push_u32(s, direction == OUTBOUND ? local : remote);
	push_u16(s, host_order(direction == OUTBOUND ? local_port : remote_port));
	push_u32(s, direction == OUTBOUND ? remote : local);
	push_u16(s, host_order(direction == OUTBOUND ? remote_port : local_port));
	return 13;
}

static __always_inline u16 push_tuple_in6(struct scratch *s, struct sock *sk, enum direction direction, const void *to)
{
	struct inet_sock *inet = (void *)sk;
	struct in6_addr local = BPF_CORE_READ(inet, pinet6, saddr), remote = BPF_CORE_READ(sk, __sk_common.skc_v6_daddr);
	u16 local_port = BPF_CORE_READ(inet, inet_sport), remote_port = BPF_CORE_READ(sk, __sk_common.skc_dport);

	if (!remote_port && to) {
		struct user_in6 in = {};

		bpf_probe_read_user(&in, sizeof(in), to);
		remote = in.addr;
		remote_port = in.port;
	}
	push_u8(s, F_SOCKET_FAMILIES__AF_INET6);
	push_in6(s, direction == OUTBOUND ? &local : &remote);
	push_u16(s, host_order(direction == OUTBOUND ? local_port : remote_port));
	push_in6(s, direction == OUTBOUND ? &remote : &local);
	push_u16(s, host_order(direction == OUTBOUND ? remote_port : local_port));
	return 37;
}

static __always_inline u16 push_tuple_unix(struct scratch *s, struct sock *sk, enum direction direction, const void *to)
{
	struct unix_sock *local = (void *)sk, *peer = (void *)BPF_CORE_READ(local, peer);
	struct unix_sock *named = direction == OUTBOUND ? peer : local;

	push_u8(s, F_SOCKET_FAMILIES__AF_UNIX);
	push_u64(s, (u64)(direction == OUTBOUND ? peer : local));
	push_u64(s, (u64)(direction == OUTBOUND ? local : peer));
	if (direction == OUTBOUND && !peer && to) {
		if (bpf_probe_read_user(s->path, UNIX_PATH_MAX + 2, to))
			s->path[2] = s->path[3] = 0;
		return 17 + push_unix_path(s, (char *)s->path + 2);
	}
	return 17 + push_unix_path(s, (char *)BPF_CORE_READ(named, addr) +
					      bpf_core_field_offset(struct unix_address, name) + 2);
}

/* Both ends of a socket; `to` is an address that the program passed in, for sockets that are not connected. */
SHARED int put_tuple_at(u32 key, u64 sk_at, u32 direction, u64 to_at)
{
	struct scratch *s = scratch_at(key);
	const void *to = (const void *)to_at;
	struct sock *sk = (void *)sk_at;
	u16 written = 0;

	if (!s)
		return 0;
	switch (sk ? BPF_CORE_READ(sk, __sk_common.skc_family) : 0) {
	case AF_INET:
		written = push_tuple_in(s, sk, direction, to);
		break;
	case AF_INET6:
		written = push_tuple_in6(s, sk, direction, to);
		break;
	case AF_UNIX:
		written = push_tuple_unix(s, sk, direction, to);
		break;
	}
	put_length(s, written);
	return 0;
}

static __always_inline void put_tuple(struct scratch *s, s64 fd, enum direction direction, const void *to)
{
	put_tuple_at(s->key, (u64)sock_of(fd), direction, (u64)to);
}

static __always_inline void put_tuple_of(struct scratch *s, struct sock *sk, enum direction direction, const void *to)
{
	put_tuple_at(s->key, (u64)sk, direction, (u64)to);
}
