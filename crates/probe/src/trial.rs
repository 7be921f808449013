//! What the kernel says to the smallest program of a kind: cheaper than loading all of them to hear the same.
#![allow(unsafe_code)]

use std::{
    io,
    os::fd::{FromRawFd, OwnedFd},
};

/// Whether programs may be at the exits of the kernel's functions. Some kernels are built without, some policies refuse.
pub(crate) fn function_exits() -> io::Result<()> {
    /// `r0 = 0; exit`
    const NOTHING: [libbpf_sys::bpf_insn; 2] = [instruction(0xb7), instruction(0x95)];
    let mut options = libbpf_sys::bpf_prog_load_opts {
        sz: size_of::<libbpf_sys::bpf_prog_load_opts>() as libbpf_sys::size_t,
        expected_attach_type: libbpf_sys::BPF_TRACE_FEXIT,
        ..Default::default()
    };
    // SAFETY: all of it lives across the call, and the lengths are those of what is pointed to.
    let fd = unsafe {
        libbpf_sys::bpf_prog_load(
            libbpf_sys::BPF_PROG_TYPE_TRACING,
            std::ptr::null(),
            c"GPL".as_ptr(),
            NOTHING.as_ptr(),
            NOTHING.len() as libbpf_sys::size_t,
            &raw mut options,
        )
    };
    if fd >= 0 {
        // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
        return Ok(());
    }
    // It names no function, which is all that may be wrong with it.
    match io::Error::from_raw_os_error(-fd) {
        error if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        error => Err(error),
    }
}

const fn instruction(code: u8) -> libbpf_sys::bpf_insn {
    libbpf_sys::bpf_insn {
        code,
        _bitfield_align_1: [],
        _bitfield_1: libbpf_sys::__BindgenBitfieldUnit::new([0]),
        off: 0,
        imm: 0,
    }
}
