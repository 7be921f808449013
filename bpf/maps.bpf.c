/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* All maps of the probe and no program: made once, for programs that are loaded in several threads. */
#include "include/kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "include/read.h"

#include "lib/filter.h"
#include "lib/names.h"
#include "uring/request.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";
