-- drywire's captures in Wireshark: the records of interface "ring", and fields from the comments of
-- packets. docs/wireshark.md says how to use it and describes both.
--
--   tshark -X lua_script:tools/wireshark/drywire.lua -r run.pcapng -Y drywire.event
--
-- Written for Wireshark 4.0 and Lua 5.2.

local RECORD_SIZE, VERSION, NO_QUEUE = 44, 1, 0xffff

local LIVE, AVAILABLE, WORKING, FRAME, USED, COLLECTED = 1, 2, 3, 4, 5, 6
local NOTIFY, INTERRUPT, STOPPED, READ, WRITE = 7, 8, 9, 10, 11

local kinds = {
    [LIVE] = "live", [AVAILABLE] = "available", [WORKING] = "working", [FRAME] = "frame",
    [USED] = "used", [COLLECTED] = "collected", [NOTIFY] = "notify", [INTERRUPT] = "interrupt",
    [STOPPED] = "stopped", [READ] = "read", [WRITE] = "write",
}
local queues = { [0] = "receive", [1] = "transmit", [NO_QUEUE] = "none" }
local causes = { [1] = "used buffer", [2] = "configuration" }
local spaces = { [0] = "memory", [1] = "port", [2] = "pci" }

local drywire = Proto("drywire", "drywire ring event")
local f = drywire.fields

f.version = ProtoField.uint8("drywire.version", "Version of the record")
f.event = ProtoField.string("drywire.event", "Event")
f.device = ProtoField.uint8("drywire.device", "Device")
f.queue = ProtoField.uint16("drywire.queue", "Queue", base.DEC, queues)
f.id = ProtoField.uint16("drywire.id", "Id of the chain", base.DEC)
f.slot = ProtoField.uint16("drywire.slot", "Slot of the ring", base.DEC)
f.count = ProtoField.uint32("drywire.count", "Buffers", base.DEC)
f.size = ProtoField.uint32("drywire.size", "Size of the queue", base.DEC)
f.len = ProtoField.uint32("drywire.len", "Bytes", base.DEC)
f.time = ProtoField.uint64("drywire.time_ns", "Time since power-on, ns", base.DEC)
f.frame = ProtoField.framenum("drywire.frame", "Frame that it is about", base.NONE)
f.packed = ProtoField.bool("drywire.packed", "Packed ring")
f.legacy = ProtoField.bool("drywire.legacy", "Legacy interface")
f.event_idx = ProtoField.bool("drywire.event_idx", "Event index")
f.indirect = ProtoField.bool("drywire.indirect", "Indirect descriptors")
f.cause = ProtoField.uint32("drywire.cause", "Cause", base.DEC, causes)
f.register = ProtoField.uint64("drywire.register", "Register", base.HEX)
f.value = ProtoField.uint32("drywire.value", "Value", base.HEX)
f.width = ProtoField.uint8("drywire.width", "Bytes accessed", base.DEC)
f.space = ProtoField.uint8("drywire.space", "Space", base.DEC, spaces)

-- Of packets, from their comments.
f.fault = ProtoField.string("drywire.fault", "Fault")
f.conn = ProtoField.uint32("drywire.conn", "Connection of the core", base.DEC)
f.core = ProtoField.string("drywire.core", "State in the core")
f.machine = ProtoField.string("drywire.machine", "State of the machine, from the wire")
f.peer = ProtoField.string("drywire.peer", "State of the peer, from the wire")

local e_fault = ProtoExpert.new("drywire.fault.expert", "The wire did something to this frame",
    expert.group.SEQUENCE, expert.severity.WARN)
local e_nowhere = ProtoExpert.new("drywire.nowhere.expert", "No receive buffer took this frame",
    expert.group.SEQUENCE, expert.severity.NOTE)
local e_config = ProtoExpert.new("drywire.config.expert", "The device's configuration changed",
    expert.group.SEQUENCE, expert.severity.CHAT)
local e_stopped = ProtoExpert.new("drywire.stopped.expert", "The queue is reset",
    expert.group.SEQUENCE, expert.severity.CHAT)
local e_record = ProtoExpert.new("drywire.record.expert", "Not a record that this script knows",
    expert.group.MALFORMED, expert.severity.ERROR)
drywire.experts = { e_fault, e_nowhere, e_config, e_stopped, e_record }

---- records ----

-- What the fields of an event are, and the words of its line.
local show = {}

show[LIVE] = function(buf, tree)
    local flags = buf(28, 4):le_uint()
    local words = ""
    local bits = { { 1, f.packed, "packed" }, { 2, f.legacy, "legacy" },
        { 4, f.event_idx, "event_idx" }, { 8, f.indirect, "indirect" } }

    tree:add_le(f.size, buf(8, 4))
    for _, b in ipairs(bits) do
        local on = math.floor(flags / b[1]) % 2 == 1
        tree:add(b[2], buf(28, 4), on)
        words = words .. (on and " " .. b[3] or "")
    end
    return "size=" .. buf(8, 4):le_uint() .. words
end

local function chain(buf, tree)
    tree:add_le(f.id, buf(4, 2))
    tree:add_le(f.slot, buf(6, 2))
    tree:add_le(f.count, buf(8, 4))
    tree:add_le(f.len, buf(12, 4))
    return string.format("id=%d slot=%d buffers=%d bytes=%d", buf(4, 2):le_uint(),
        buf(6, 2):le_uint(), buf(8, 4):le_uint(), buf(12, 4):le_uint())
end
show[AVAILABLE] = chain
show[USED] = chain

show[WORKING] = function(buf, tree)
    tree:add_le(f.id, buf(4, 2))
    tree:add_le(f.count, buf(8, 4))
    return string.format("id=%d buffers=%d", buf(4, 2):le_uint(), buf(8, 4):le_uint())
end

show[COLLECTED] = function(buf, tree)
    tree:add_le(f.id, buf(4, 2))
    tree:add_le(f.slot, buf(6, 2))
    return string.format("id=%d slot=%d", buf(4, 2):le_uint(), buf(6, 2):le_uint())
end

show[FRAME] = function(buf, tree)
    local number = buf(24, 4):le_uint()

    tree:add_le(f.id, buf(4, 2))
    tree:add_le(f.len, buf(12, 4))
    if number ~= 0 then
        tree:add(f.frame, buf(24, 4), number)
    end
    return string.format("id=%d bytes=%d frame=%d", buf(4, 2):le_uint(), buf(12, 4):le_uint(), number)
end

show[NOTIFY] = function() return "" end
show[STOPPED] = function(_, tree)
    tree:add_proto_expert_info(e_stopped)
    return ""
end

show[INTERRUPT] = function(buf, tree)
    local cause = buf(28, 4):le_uint()

    tree:add_le(f.cause, buf(28, 4))
    if cause == 2 then
        tree:add_proto_expert_info(e_config)
    end
    return causes[cause] or ""
end

local function register(buf, tree)
    tree:add_le(f.register, buf(32, 8))
    tree:add_le(f.value, buf(28, 4))
    tree:add(f.width, buf(40, 1))
    tree:add(f.space, buf(41, 1))
    return string.format("%s 0x%s value=0x%x", spaces[buf(41, 1):uint()] or "?",
        buf(32, 8):le_uint64():tohex():gsub("^0+(%x)", "%1"), buf(28, 4):le_uint())
end
show[READ] = register
show[WRITE] = register

function drywire.dissector(buf, pinfo, tree)
    local known = buf:reported_len() == RECORD_SIZE and buf:len() == RECORD_SIZE and
        buf(0, 1):uint() == VERSION and kinds[buf(1, 1):uint()]
    local top = tree:add(drywire, buf())

    pinfo.cols.protocol = "drywire"
    if not known then
        pinfo.cols.info = "not a record that this script knows"
        top:add_proto_expert_info(e_record)
        return buf:len()
    end

    local kind, queue, device = buf(1, 1):uint(), buf(2, 2):le_uint(), buf(42, 1):uint()
    local who = queue == NO_QUEUE and "device" or queues[queue] or "queue " .. queue

    if device > 0 then -- the names are those of the first one's
        who = "device " .. device .. (queue == NO_QUEUE and "" or " queue " .. queue)
    end

    top:add(f.version, buf(0, 1))
    top:add(f.event, buf(1, 1), kinds[kind])
    if kind ~= READ and kind ~= WRITE then
        top:add(f.device, buf(42, 1))
    end
    if queue ~= NO_QUEUE then
        local item = top:add_le(f.queue, buf(2, 2))

        if device > 0 then
            item:set_text("Queue: " .. queue)
        end
    end
    top:add_le(f.time, buf(16, 8), buf(16, 8):le_uint64() - UInt64(1000000000))

    local line = string.format("%s %s %s", who, kinds[kind], (show[kind](buf, top)))

    line = line:gsub("%s+$", "")
    top:append_text(": " .. line)
    pinfo.cols.info = line
    return buf:len()
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, drywire)

---- comments of packets ----

local comment_field = Field.new("frame.comment")
local reasons = Proto("drywire_reasons", "drywire, why")

local function fault(tree, pinfo, text)
    tree:add(f.fault, text)
    tree:add_proto_expert_info(e_fault, "Fault: " .. text)
    pinfo.cols.info:append(" [" .. text .. "]")
end

local function connection(tree, text)
    local fields = { conn = f.conn, core = f.core, machine = f.machine, peer = f.peer }

    for key, value in text:gmatch("(%w+)=([%w_]+)") do
        if key == "conn" then
            tree:add(f.conn, tonumber(value))
        elseif fields[key] then
            tree:add(fields[key], value)
        end
    end
end

local function ring(tree, text)
    local queue, id = text:match("queue=(%d+) id=(%d+)")

    if queue then
        tree:add(f.device, 0)
        tree:add(f.queue, tonumber(queue))
        tree:add(f.id, tonumber(id))
    else
        tree:add_proto_expert_info(e_nowhere)
    end
end

function reasons.dissector(_, pinfo, tree)
    local comments, top = { comment_field() }, nil

    for _, c in ipairs(comments) do
        local what, text = c.value:match("^(%l+): (.-)%s*$")

        if what == "fault" or what == "tcp" or what == "ring" then
            top = top or tree:add(reasons, "drywire, why")
            if what == "fault" then
                fault(top, pinfo, text)
            elseif what == "tcp" then
                connection(top, text)
            else
                ring(top, text)
            end
        end
    end
end

register_postdissector(reasons)
