/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* BPF_CORE_READ by loads instead of calls, where the kernel lets us: a call of a helper takes 25 ns on a processor whose returns are
 * guarded, a load one. To be included behind bpf_core_read.h.
 *
 * bpf_rdonly_cast (6.2) says that an address is that of a structure. What is loaded from it is a number if the field is one, so the
 * structures are those that begin with a number of the size that is wanted. As with the helper, an address where nothing is gives 0. */
#pragma once

#include "kernel.h"

extern void *bpf_rdonly_cast(const void *address, u32 type) __ksym __weak;

#define NUMBER_AT(address, structure, field) \
	((structure *)bpf_rdonly_cast(address, bpf_core_type_id_kernel(structure)))->field

static __always_inline long read_kernel(void *to, u32 size, const void *from)
{
	if (bpf_ksym_exists(bpf_rdonly_cast)) {
		switch (size) {
		case 8: *(u64 *)to = NUMBER_AT(from, struct thread_info, flags); return 0;
		case 4: *(u32 *)to = NUMBER_AT(from, struct fdtable, max_fds); return 0;
		case 2: *(u16 *)to = NUMBER_AT(from, struct inode, i_mode); return 0;
		}
	}
	return bpf_probe_read_kernel(to, size, from);
}

#undef bpf_core_read
#define bpf_core_read(to, size, from) read_kernel(to, size, (const void *)__builtin_preserve_access_index(from))
