/* Coroutines: see coroutine.h. */
#include "coroutine.h"
#include <string.h>
#include <sys/mman.h>

#ifdef DRYWIRE_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

/* A program's variables must be on its own stack, where the kernel checks its pointers. Newer
 * compilers would move them, to detect use after return. */
const char *__asan_default_options(void)
{
    return "detect_stack_use_after_return=0";
}
#endif

enum { GUARD = 4096, STACK_FILL = 0xa5 };

/*
 * void coroutine_switch(void **save, void *to): store the callee-saved registers on this stack and
 * its pointer in *save, then switch to the stack `to`.
 */
void coroutine_switch(void **save, void *to);

#if defined(__x86_64__)
enum { FRAME_WORDS = 7, FRAME_RETURN = 6 };
__asm__(".text\n.globl coroutine_switch\n.type coroutine_switch,@function\n"
        "coroutine_switch:\n"
        "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
        "mov %rsp,(%rdi)\nmov %rsi,%rsp\n"
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n"
        ".size coroutine_switch,.-coroutine_switch\n");
#elif defined(__aarch64__)
enum { FRAME_WORDS = 20, FRAME_RETURN = 11 };
__asm__(".text\n.globl coroutine_switch\n.type coroutine_switch,@function\n"
        "coroutine_switch:\n"
        "sub sp,sp,#160\n"
        "stp x19,x20,[sp]\nstp x21,x22,[sp,#16]\nstp x23,x24,[sp,#32]\nstp x25,x26,[sp,#48]\n"
        "stp x27,x28,[sp,#64]\nstp x29,x30,[sp,#80]\n"
        "stp d8,d9,[sp,#96]\nstp d10,d11,[sp,#112]\nstp d12,d13,[sp,#128]\nstp d14,d15,[sp,#144]\n"
        "mov x9,sp\nstr x9,[x0]\nmov sp,x1\n"
        "ldp x19,x20,[sp]\nldp x21,x22,[sp,#16]\nldp x23,x24,[sp,#32]\nldp x25,x26,[sp,#48]\n"
        "ldp x27,x28,[sp,#64]\nldp x29,x30,[sp,#80]\n"
        "ldp d8,d9,[sp,#96]\nldp d10,d11,[sp,#112]\nldp d12,d13,[sp,#128]\nldp d14,d15,[sp,#144]\n"
        "add sp,sp,#160\nret\n"
        ".size coroutine_switch,.-coroutine_switch\n");
#elif defined(__riscv) && __riscv_xlen == 64
enum { FRAME_WORDS = 26, FRAME_RETURN = 0 };
__asm__(".text\n.globl coroutine_switch\n.type coroutine_switch,@function\n"
        "coroutine_switch:\n"
        "addi sp,sp,-208\n"
        "sd ra,0(sp)\nsd s0,8(sp)\nsd s1,16(sp)\nsd s2,24(sp)\nsd s3,32(sp)\nsd s4,40(sp)\n"
        "sd s5,48(sp)\nsd s6,56(sp)\nsd s7,64(sp)\nsd s8,72(sp)\nsd s9,80(sp)\nsd s10,88(sp)\n"
        "sd s11,96(sp)\n"
        "fsd fs0,104(sp)\nfsd fs1,112(sp)\nfsd fs2,120(sp)\nfsd fs3,128(sp)\nfsd fs4,136(sp)\n"
        "fsd fs5,144(sp)\nfsd fs6,152(sp)\nfsd fs7,160(sp)\nfsd fs8,168(sp)\nfsd fs9,176(sp)\n"
        "fsd fs10,184(sp)\nfsd fs11,192(sp)\n"
        "sd sp,0(a0)\nmv sp,a1\n"
        "ld ra,0(sp)\nld s0,8(sp)\nld s1,16(sp)\nld s2,24(sp)\nld s3,32(sp)\nld s4,40(sp)\n"
        "ld s5,48(sp)\nld s6,56(sp)\nld s7,64(sp)\nld s8,72(sp)\nld s9,80(sp)\nld s10,88(sp)\n"
        "ld s11,96(sp)\n"
        "fld fs0,104(sp)\nfld fs1,112(sp)\nfld fs2,120(sp)\nfld fs3,128(sp)\nfld fs4,136(sp)\n"
        "fld fs5,144(sp)\nfld fs6,152(sp)\nfld fs7,160(sp)\nfld fs8,168(sp)\nfld fs9,176(sp)\n"
        "fld fs10,184(sp)\nfld fs11,192(sp)\n"
        "addi sp,sp,208\nret\n"
        ".size coroutine_switch,.-coroutine_switch\n");
#else
#error "coroutine.c: no stack switch for this processor"
#endif

int coroutine_allocate(struct coroutine *c)
{
    uint8_t *p = mmap(0, GUARD + COROUTINE_STACK, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED || mprotect(p, GUARD, PROT_NONE))
        return -1;
    *c = (struct coroutine){.stack = p + GUARD};
    return 0;
}

void coroutine_free(struct coroutine *c)
{
    if (c->stack)
        munmap(c->stack - GUARD, GUARD + COROUTINE_STACK);
    c->stack = 0;
}

/* The coroutine that is being entered for the first time: the trampoline has no argument. */
static _Thread_local struct coroutine *starting;

static void trampoline(void)
{
    struct coroutine *c = starting;

#ifdef DRYWIRE_ASAN
    __sanitizer_finish_switch_fiber(0, &c->caller_stack, &c->caller_size);
#endif
    c->fn(c->ctx);
    __builtin_trap();
}

void coroutine_forget(struct coroutine *c)
{
#ifdef DRYWIRE_ASAN
    __asan_unpoison_memory_region(c->stack, COROUTINE_STACK);
#else
    (void)c;
#endif
}

void coroutine_start(struct coroutine *c, void (*fn)(void *ctx), void *ctx, uint8_t *top)
{
    uintptr_t *frame;

    memset(c->stack, STACK_FILL, (size_t)(top - c->stack)); /* data of an earlier run */
    /* Aligned to 16 on all three processors; on x86-64 seven words are popped from here, which
     * leaves the stack 8 short of a multiple of 16, as it is at a function's entry. */
    frame = (uintptr_t *)(((uintptr_t)top - FRAME_WORDS * sizeof(*frame)) & ~(uintptr_t)15);
    memset(frame, 0, FRAME_WORDS * sizeof(*frame));
    frame[FRAME_RETURN] = (uintptr_t)trampoline;
    c->sp = frame;
    c->fn = fn;
    c->ctx = ctx;
    c->fake_stack = 0;
}

void coroutine_enter(struct coroutine *c)
{
    void *to = c->sp;

    starting = c;
#ifdef DRYWIRE_ASAN
    void *own = 0;

    __sanitizer_start_switch_fiber(&own, c->stack, COROUTINE_STACK);
    coroutine_switch(&c->sp, to);
    __sanitizer_finish_switch_fiber(own, 0, 0);
#else
    coroutine_switch(&c->sp, to);
#endif
}

void coroutine_leave(struct coroutine *c)
{
    void *to = c->sp;

#ifdef DRYWIRE_ASAN
    __sanitizer_start_switch_fiber(&c->fake_stack, c->caller_stack, c->caller_size);
    coroutine_switch(&c->sp, to);
    __sanitizer_finish_switch_fiber(c->fake_stack, &c->caller_stack, &c->caller_size);
#else
    coroutine_switch(&c->sp, to);
#endif
}
