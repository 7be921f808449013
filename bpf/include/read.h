/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* BPF_CORE_READ by loads instead of calls, where the kernel lets us: a call of a helper takes 25 ns on a processor whose returns are
 * guarded, a load one. To be included behind bpf_core_read.h.
 *
 * bpf_rdonly_cast (6.2) says that an address is that of a structure. What is loaded from it is a number if the field is one, so the
 * structures are those that begin with a number of the size that is wanted, and that come early in the kernel's description of itself: their
 * numbers stay what they are where it is cut down (crates/probe/src/types.rs). As with the helper, an address where nothing is gives 0.
 *
 * All is compiled twice, with READ_BY_LOADS and without, and the loader takes what the kernel can do. With both in one program the verifier
 * would remove one of them at each place where something is read, each time moving all that follows: a sixth of all its time. */
#pragma once

#include "kernel.h"

#ifdef READ_BY_LOADS
extern void *bpf_rdonly_cast(const void *address, u32 type) __ksym;

/* Whether it was loaded from such a structure has to be known of each load: the compiler must not make one of two. */
#define LOAD(to, type, from, structure, field)                                                                      \
	{                                                                                                           \
		type number = ((structure *)bpf_rdonly_cast(from, bpf_core_type_id_kernel(structure)))->field;      \
		asm volatile("" : "+r"(number));                                                                    \
		*(type *)to = number;                                                                               \
		return 0;                                                                                           \
	}
#endif

static __always_inline long read_kernel(void *to, u32 size, const void *from)
{
#ifdef READ_BY_LOADS
	switch (size) {
	case 8: LOAD(to, u64, from, struct thread_info, flags);
	case 4: LOAD(to, u32, from, struct upid, nr);
	case 2: LOAD(to, u16, from, struct inode, i_mode);
	}
#endif
	return bpf_probe_read_kernel(to, size, from);
}

#undef bpf_core_read
#define bpf_core_read(to, size, from) read_kernel(to, size, (const void *)__builtin_preserve_access_index(from))
