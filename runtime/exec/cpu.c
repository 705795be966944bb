/*
 * oneDNN chooses its kernels at run time, by the processor it meets and by
 * ONEDNN_MAX_CPU_ISA; this asks it for the outcome.
 */
#include "runtime/exec/cpu.h"

#include <stdio.h>
#include <string.h>

#include "config.h"

const char *inn_cpu_text(char text[INN_CPU_TEXT])
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];

    snprintf(text, INN_CPU_TEXT, "unknown");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        const char *name = strchr(line, ':');

        if (strncmp(line, "model name", 10) != 0 || name == NULL)
            continue;
        name += strspn(name, ": \t");
        snprintf(text, INN_CPU_TEXT, "%.*s", (int)strcspn(name, "\n"), name);
        break;
    }
    if (f != NULL)
        fclose(f);
    return text;
}

#ifdef HAVE_DNNL

#include <dnnl.h>

#include "runtime/base/port.h"

const char *inn_kernels_text(char *text, size_t size)
{
    static const struct {
        dnnl_cpu_isa_t isa;
        const char *name;
    } isas[] = {
        {dnnl_cpu_isa_sse41, "SSE4.1"},
        {dnnl_cpu_isa_avx, "AVX"},
        {dnnl_cpu_isa_avx2, "AVX2"},
        {dnnl_cpu_isa_avx2_vnni, "AVX2 with VNNI"},
        {dnnl_cpu_isa_avx512_core, "AVX-512"},
        {dnnl_cpu_isa_avx512_core_vnni, "AVX-512 with VNNI"},
        {dnnl_cpu_isa_avx512_core_bf16, "AVX-512 with BF16"},
        {dnnl_cpu_isa_avx512_core_amx, "AVX-512 with AMX"},
    };
    const dnnl_version_t *version = dnnl_version();
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    const char *name = NULL;
    size_t i;

    for (i = 0; i < INN_COUNT(isas); i++) {
        if (isas[i].isa == isa)
            name = isas[i].name;
    }
    if (name != NULL)
        snprintf(text, size, "oneDNN %d.%d.%d, kernels for %s",
                 version->major, version->minor, version->patch, name);
    else
        snprintf(text, size, "oneDNN %d.%d.%d, kernels for set %#x",
                 version->major, version->minor, version->patch,
                 (unsigned)isa);
    return text;
}

#else

const char *inn_kernels_text(char *text, size_t size)
{
    snprintf(text, size, "no oneDNN, reference kernels alone");
    return text;
}

#endif
