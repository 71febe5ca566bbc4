/*
 * Constants of the VirtIO 1.2 specification under its own names, with the section they come from.
 * The driver and the fake device both use this header; a test compares it with the kernel's
 * linux/virtio_*.h, which are independent of it.
 */
#ifndef DRYWIRE_VIRTIO_SPEC_H
#define DRYWIRE_VIRTIO_SPEC_H

#include <stdint.h>

/* 2.1 Device status field */
#define VIRTIO_STATUS_ACKNOWLEDGE        1u
#define VIRTIO_STATUS_DRIVER             2u
#define VIRTIO_STATUS_DRIVER_OK          4u
#define VIRTIO_STATUS_FEATURES_OK        8u
#define VIRTIO_STATUS_DEVICE_NEEDS_RESET 64u
#define VIRTIO_STATUS_FAILED             128u

/* 6 Reserved feature bits (bit numbers) */
#define VIRTIO_F_NOTIFY_ON_EMPTY 24 /* legacy: 6.3 */
#define VIRTIO_F_ANY_LAYOUT      27 /* legacy: 6.3 */
#define VIRTIO_F_INDIRECT_DESC   28
#define VIRTIO_F_EVENT_IDX       29
#define VIRTIO_F_VERSION_1       32
#define VIRTIO_F_ACCESS_PLATFORM 33
#define VIRTIO_F_RING_PACKED     34
#define VIRTIO_F_IN_ORDER        35

#define VIRTIO_BIT(n) (UINT64_C(1) << (n))

/* 2.7 Split virtqueues */
#define VIRTQ_DESC_F_NEXT     1u
#define VIRTQ_DESC_F_WRITE    2u
#define VIRTQ_DESC_F_INDIRECT 4u

#define VIRTQ_AVAIL_F_NO_INTERRUPT 1u
#define VIRTQ_USED_F_NO_NOTIFY     1u

/* Byte offsets: a descriptor (2.7.5), the available ring (2.7.6), the used ring (2.7.8). */
#define VIRTQ_DESC_SIZE       16u
#define VIRTQ_DESC_ADDR       0u
#define VIRTQ_DESC_LEN        8u
#define VIRTQ_DESC_FLAGS      12u
#define VIRTQ_DESC_NEXT       14u
#define VIRTQ_AVAIL_FLAGS     0u
#define VIRTQ_AVAIL_IDX       2u
#define VIRTQ_AVAIL_RING      4u
#define VIRTQ_AVAIL_ELEM_SIZE 2u
#define VIRTQ_USED_FLAGS      0u
#define VIRTQ_USED_IDX        2u
#define VIRTQ_USED_RING       4u
#define VIRTQ_USED_ELEM_SIZE  8u
#define VIRTQ_USED_ELEM_ID    0u
#define VIRTQ_USED_ELEM_LEN   4u

/* 2.7.7, 2.7.10: with EVENT_IDX, after the last entry of the ring of `size` entries: used_event in
 * the available ring, avail_event in the used ring. */
#define VIRTQ_AVAIL_USED_EVENT(size) (VIRTQ_AVAIL_RING + VIRTQ_AVAIL_ELEM_SIZE * (size))
#define VIRTQ_USED_AVAIL_EVENT(size) (VIRTQ_USED_RING + VIRTQ_USED_ELEM_SIZE * (size))

/* 2.7: alignment of the three parts; 2.7.2: the one area of the legacy interface */
#define VIRTQ_DESC_ALIGN   16u
#define VIRTQ_AVAIL_ALIGN  2u
#define VIRTQ_USED_ALIGN   4u
#define VIRTQ_LEGACY_ALIGN 4096u

#define VIRTQ_SIZE_LIMIT 32768u /* 2.7: largest queue size */

/* 2.8 Packed virtqueues. 2.8.1: bits of the flags beside those of split descriptors */
#define VIRTQ_DESC_F_AVAIL 0x80u
#define VIRTQ_DESC_F_USED  0x8000u

/* Byte offsets: a descriptor (2.8.13; as long as a split one), event suppression (2.8.14). */
#define VIRTQ_PACKED_DESC_ADDR  0u
#define VIRTQ_PACKED_DESC_LEN   8u
#define VIRTQ_PACKED_DESC_ID    12u
#define VIRTQ_PACKED_DESC_FLAGS 14u
#define VIRTQ_EVENT_OFF_WRAP    0u
#define VIRTQ_EVENT_FLAGS       2u
#define VIRTQ_EVENT_SIZE        4u
#define VIRTQ_EVENT_ALIGN       4u      /* 2.8.10.1 */
#define VIRTQ_EVENT_WRAP        0x8000u /* in off_wrap: the ring wrap counter */

/* 2.8.10: values of the flags of event suppression */
#define VIRTQ_EVENT_FLAGS_ENABLE  0u
#define VIRTQ_EVENT_FLAGS_DISABLE 1u
#define VIRTQ_EVENT_FLAGS_DESC    2u

/* 4.2.2 MMIO device register layout, 4.2.4 legacy register layout */
#define VIRTIO_MMIO_MAGIC_VALUE         0x000u
#define VIRTIO_MMIO_VERSION             0x004u
#define VIRTIO_MMIO_DEVICE_ID           0x008u
#define VIRTIO_MMIO_VENDOR_ID           0x00cu
#define VIRTIO_MMIO_DEVICE_FEATURES     0x010u
#define VIRTIO_MMIO_DEVICE_FEATURES_SEL 0x014u
#define VIRTIO_MMIO_DRIVER_FEATURES     0x020u
#define VIRTIO_MMIO_DRIVER_FEATURES_SEL 0x024u
#define VIRTIO_MMIO_GUEST_PAGE_SIZE     0x028u /* legacy */
#define VIRTIO_MMIO_QUEUE_SEL           0x030u
#define VIRTIO_MMIO_QUEUE_NUM_MAX       0x034u
#define VIRTIO_MMIO_QUEUE_NUM           0x038u
#define VIRTIO_MMIO_QUEUE_ALIGN         0x03cu /* legacy */
#define VIRTIO_MMIO_QUEUE_PFN           0x040u /* legacy */
#define VIRTIO_MMIO_QUEUE_READY         0x044u
#define VIRTIO_MMIO_QUEUE_NOTIFY        0x050u
#define VIRTIO_MMIO_INTERRUPT_STATUS    0x060u
#define VIRTIO_MMIO_INTERRUPT_ACK       0x064u
#define VIRTIO_MMIO_STATUS              0x070u
#define VIRTIO_MMIO_QUEUE_DESC_LOW      0x080u
#define VIRTIO_MMIO_QUEUE_DESC_HIGH     0x084u
#define VIRTIO_MMIO_QUEUE_AVAIL_LOW     0x090u
#define VIRTIO_MMIO_QUEUE_AVAIL_HIGH    0x094u
#define VIRTIO_MMIO_QUEUE_USED_LOW      0x0a0u
#define VIRTIO_MMIO_QUEUE_USED_HIGH     0x0a4u
#define VIRTIO_MMIO_CONFIG_GENERATION   0x0fcu
#define VIRTIO_MMIO_CONFIG              0x100u
#define VIRTIO_MMIO_SIZE                0x200u

#define VIRTIO_MMIO_MAGIC          0x74726976u /* "virt" */
#define VIRTIO_MMIO_VERSION_LEGACY 1u
#define VIRTIO_MMIO_VERSION_MODERN 2u

#define VIRTIO_MMIO_INT_VRING  1u
#define VIRTIO_MMIO_INT_CONFIG 2u

/* PCI configuration space (PCI Local Bus 3.0 chapter 6), as far as virtio needs it */
#define PCI_VENDOR_ID           0x00u
#define PCI_DEVICE_ID           0x02u
#define PCI_COMMAND             0x04u
#define PCI_STATUS              0x06u
#define PCI_REVISION_ID         0x08u
#define PCI_CLASS_DEVICE        0x0au
#define PCI_HEADER_TYPE         0x0eu
#define PCI_BASE_ADDRESS_0      0x10u
#define PCI_SUBSYSTEM_VENDOR_ID 0x2cu
#define PCI_SUBSYSTEM_ID        0x2eu
#define PCI_CAPABILITY_LIST     0x34u
#define PCI_INTERRUPT_LINE      0x3cu
#define PCI_INTERRUPT_PIN       0x3du
#define PCI_STD_HEADER_SIZEOF   0x40u
#define PCI_CFG_SPACE_SIZE      0x100u

#define PCI_COMMAND_IO         0x1u
#define PCI_COMMAND_MEMORY     0x2u
#define PCI_COMMAND_MASTER     0x4u
#define PCI_STATUS_CAP_LIST    0x10u
#define PCI_HEADER_TYPE_MASK   0x7fu
#define PCI_HEADER_TYPE_NORMAL 0x00u
#define PCI_HEADER_TYPE_BRIDGE 0x01u
#define PCI_HEADER_TYPE_MFD    0x80u /* multi-function device */
#define PCI_STD_NUM_BARS       6u

#define PCI_BASE_ADDRESS_SPACE_IO      0x1u
#define PCI_BASE_ADDRESS_MEM_TYPE_MASK 0x6u
#define PCI_BASE_ADDRESS_MEM_TYPE_32   0x0u
#define PCI_BASE_ADDRESS_MEM_TYPE_1M   0x2u
#define PCI_BASE_ADDRESS_MEM_TYPE_64   0x4u
#define PCI_BASE_ADDRESS_MEM_PREFETCH  0x8u
#define PCI_BASE_ADDRESS_MEM_MASK      0xfffffff0u
#define PCI_BASE_ADDRESS_IO_MASK       0xfffffffcu

#define PCI_CAP_ID_VNDR     0x09u
#define PCI_CAP_ID_MSIX     0x11u
#define PCI_CAP_LIST_NEXT   1u
#define PCI_CAP_SIZEOF      4u
#define PCI_CAP_MSIX_SIZEOF 12u

#define PCI_MSIX_FLAGS              2u
#define PCI_MSIX_FLAGS_QSIZE        0x7ffu
#define PCI_MSIX_FLAGS_MASKALL      0x4000u
#define PCI_MSIX_FLAGS_ENABLE       0x8000u
#define PCI_MSIX_TABLE              4u
#define PCI_MSIX_PBA                8u
#define PCI_MSIX_TABLE_BIR          0x7u
#define PCI_MSIX_ENTRY_SIZE         16u
#define PCI_MSIX_ENTRY_LOWER_ADDR   0u
#define PCI_MSIX_ENTRY_UPPER_ADDR   4u
#define PCI_MSIX_ENTRY_DATA         8u
#define PCI_MSIX_ENTRY_VECTOR_CTRL  12u
#define PCI_MSIX_ENTRY_CTRL_MASKBIT 0x1u

/* 4.1.2 PCI device discovery */
#define VIRTIO_PCI_VENDOR              0x1af4u
#define VIRTIO_PCI_DEVICE_TRANSITIONAL 0x1000u /* to 0x103f; the type is the subsystem id */
#define VIRTIO_PCI_DEVICE_MODERN       0x1040u /* plus the type */
#define VIRTIO_PCI_DEVICE_LAST         0x107fu

/* 4.1.4 Virtio structure PCI capabilities */
#define VIRTIO_PCI_CAP_LEN         2u
#define VIRTIO_PCI_CAP_CFG_TYPE    3u
#define VIRTIO_PCI_CAP_BAR         4u
#define VIRTIO_PCI_CAP_OFFSET      8u
#define VIRTIO_PCI_CAP_LENGTH      12u
#define VIRTIO_PCI_CAP_SIZE        16u
#define VIRTIO_PCI_NOTIFY_CAP_MULT 16u
#define VIRTIO_PCI_NOTIFY_CAP_SIZE 20u

#define VIRTIO_PCI_CAP_COMMON_CFG 1u
#define VIRTIO_PCI_CAP_NOTIFY_CFG 2u
#define VIRTIO_PCI_CAP_ISR_CFG    3u
#define VIRTIO_PCI_CAP_DEVICE_CFG 4u
#define VIRTIO_PCI_CAP_PCI_CFG    5u

/* 4.1.4.3 Common configuration structure: byte offsets */
#define VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT 0u
#define VIRTIO_PCI_COMMON_DEVICE_FEATURE        4u
#define VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT 8u
#define VIRTIO_PCI_COMMON_DRIVER_FEATURE        12u
#define VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR    16u
#define VIRTIO_PCI_COMMON_NUM_QUEUES            18u
#define VIRTIO_PCI_COMMON_DEVICE_STATUS         20u
#define VIRTIO_PCI_COMMON_CONFIG_GENERATION     21u
#define VIRTIO_PCI_COMMON_QUEUE_SELECT          22u
#define VIRTIO_PCI_COMMON_QUEUE_SIZE            24u
#define VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR     26u
#define VIRTIO_PCI_COMMON_QUEUE_ENABLE          28u
#define VIRTIO_PCI_COMMON_QUEUE_NOTIFY_OFF      30u
#define VIRTIO_PCI_COMMON_QUEUE_DESC            32u
#define VIRTIO_PCI_COMMON_QUEUE_DRIVER          40u
#define VIRTIO_PCI_COMMON_QUEUE_DEVICE          48u
#define VIRTIO_PCI_COMMON_SIZE                  56u /* 1.0; 1.2 has two optional fields more */

#define VIRTIO_MSI_NO_VECTOR 0xffffu

/* 4.1.4.10 Legacy interface: byte offsets in BAR 0 */
#define VIRTIO_PCI_HOST_FEATURES  0u
#define VIRTIO_PCI_GUEST_FEATURES 4u
#define VIRTIO_PCI_QUEUE_PFN      8u
#define VIRTIO_PCI_QUEUE_NUM      12u
#define VIRTIO_PCI_QUEUE_SEL      14u
#define VIRTIO_PCI_QUEUE_NOTIFY   16u
#define VIRTIO_PCI_STATUS         18u
#define VIRTIO_PCI_ISR            19u
#define VIRTIO_MSI_CONFIG_VECTOR  20u
#define VIRTIO_MSI_QUEUE_VECTOR   22u
#define VIRTIO_PCI_CONFIG         20u /* of the device, while MSI-X is disabled */
#define VIRTIO_PCI_CONFIG_MSIX    24u /* while it is enabled */

/* 5 Device types */
#define VIRTIO_ID_NET     1u
#define VIRTIO_ID_BLOCK   2u
#define VIRTIO_ID_CONSOLE 3u
#define VIRTIO_ID_ENTROPY 4u
#define VIRTIO_ID_BALLOON 5u

/* 5.1 Network device */
#define VIRTIO_NET_RECEIVEQ1  0u
#define VIRTIO_NET_TRANSMITQ1 1u

#define VIRTIO_NET_F_CSUM       0
#define VIRTIO_NET_F_GUEST_CSUM 1
#define VIRTIO_NET_F_MTU        3
#define VIRTIO_NET_F_MAC        5
#define VIRTIO_NET_F_GUEST_TSO4 7
#define VIRTIO_NET_F_HOST_TSO4  11
#define VIRTIO_NET_F_MRG_RXBUF  15
#define VIRTIO_NET_F_STATUS     16
#define VIRTIO_NET_F_CTRL_VQ    17

/* 5.1.4 Device configuration layout: byte offsets */
#define VIRTIO_NET_CONFIG_MAC    0u
#define VIRTIO_NET_CONFIG_STATUS 6u
#define VIRTIO_NET_CONFIG_MTU    10u
#define VIRTIO_NET_CONFIG_SIZE   12u

#define VIRTIO_NET_S_LINK_UP 1u

/* 5.1.6 struct virtio_net_hdr: byte offsets; num_buffers only with MRG_RXBUF or VERSION_1 */
#define VIRTIO_NET_HDR_FLAGS       0u
#define VIRTIO_NET_HDR_GSO_TYPE    1u
#define VIRTIO_NET_HDR_HDR_LEN     2u
#define VIRTIO_NET_HDR_GSO_SIZE    4u
#define VIRTIO_NET_HDR_CSUM_START  6u
#define VIRTIO_NET_HDR_CSUM_OFFSET 8u
#define VIRTIO_NET_HDR_NUM_BUFFERS 10u
#define VIRTIO_NET_HDR_SIZE        12u
#define VIRTIO_NET_HDR_SIZE_LEGACY 10u

#define VIRTIO_NET_HDR_GSO_NONE     0u
#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1u

/* 5.1.6.3.1: a receive buffer without merging holds at least this much */
#define VIRTIO_NET_RX_BUFFER_MIN 1526u

#endif
