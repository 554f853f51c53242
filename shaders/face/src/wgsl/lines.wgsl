// Lines over a face: the edges of its mesh, three axes that turn with the head, and where it has pointed. Twin: `twin/lines.rs`.

@vertex
fn vs_wire(v: VertexIn) -> @builtin(position) vec4f {
    // a little towards the camera, so that a line wins over the surface that it lies on
    let p = v.position.xyz + normalize(frame.eye.xyz - v.position.xyz) * 0.06;
    return frame.clip_from_world * vec4f(p, 1.0);
}

@fragment
fn fs_wire() -> @location(0) vec4f {
    return vec4f(0.02, 0.05, 0.09, 1.0) * 0.42;
}

struct AxisOut {
    @builtin(position) clip: vec4f,
    @location(0) @interpolate(flat) colour: vec3f,
}

const AXIS_CM = 8.5;
const AXIS_FROM = vec3f(0.0, 0.6, -1.0);

// Six vertices an axis: a strip of a few pixels from the middle of the head outwards.
@vertex
fn vs_axis(@builtin(vertex_index) i: u32) -> AxisOut {
    let axis = i / 6u;
    var d = vec3f(0.0);
    d[axis] = AXIS_CM;
    // forwards starts outside the face, or it would be hidden from most cameras
    let a = frame.clip_from_world * vec4f(placed(AXIS_FROM), 1.0);
    let b = frame.clip_from_world * vec4f(placed(AXIS_FROM + d * select(1.0, 1.6, axis == 2u)), 1.0);
    let size = frame.style.zw;
    let along = (b.xy / b.w - a.xy / a.w) * size;
    let side = vec2f(-along.y, along.x) / max(length(along), 1e-3) * max(1.3, size.y * 0.008);
    let k = i % 6u;
    let far = k == 1u || k == 2u || k == 4u;
    let right = k == 2u || k == 4u || k == 5u;
    let end = select(a, b, far);
    let thick = select(-1.0, 1.0, right) * select(1.0, 0.35, far);
    var o: AxisOut;
    o.clip = vec4f(end.xy + side * thick / size * 2.0 * end.w, 0.0, end.w);
    o.colour = vec3f(0.05);
    o.colour[axis] = 0.75;
    return o;
}

@fragment
fn fs_axis(v: AxisOut) -> @location(0) vec4f {
    return vec4f(v.colour, 1.0);
}

// ---- where the head has pointed: a band, six vertices a piece, that grows thinner and fainter with age, and a mark
// where it points now in place of the piece after the last ----

const TRAIL = vec3f(0.0, 0.50, 0.85);

struct TrailOut {
    @builtin(position) clip: vec4f,
    @location(0) @interpolate(flat) strength: f32,
}

// Place of a point in pixels from the middle.
fn trail_at(i: u32) -> vec2f {
    let c = frame.clip_from_world * vec4f(frame.trail[i].xyz, 1.0);
    return c.xy / max(c.w, 1e-3) * frame.style.zw * 0.5;
}

fn trail_thick() -> f32 {
    return max(1.2, frame.style.w * 0.009);
}

// Half the width of the band at a point, across its way, in pixels. Where the head stood still there is no way and no width.
fn trail_side(i: u32) -> vec2f {
    var older = i;
    if i + 1u < 25u && frame.trail[i + 1u].w > 0.0 {
        older = i + 1u;
    }
    let way = trail_at(older) - trail_at(max(i, 1u) - 1u);
    return vec2f(-way.y, way.x) / max(length(way), 1e-3) * trail_thick() * (0.25 + 0.75 * frame.trail[i].w);
}

@vertex
fn vs_trail(@builtin(vertex_index) v: u32) -> TrailOut {
    let piece = v / 6u;
    let k = v % 6u;
    let far = k == 1u || k == 2u || k == 4u;
    let right = select(-1.0, 1.0, k == 2u || k == 4u || k == 5u);
    var last = piece + 1u == 25u;
    if !last {
        last = frame.trail[piece + 1u].w <= 0.0;
    }
    if last {
        let along = select(-1.0, 1.0, far);
        let corner = vec2f(along + right, right - along) * trail_thick();
        return TrailOut(vec4f((trail_at(0u) + corner) / (frame.style.zw * 0.5), 0.0, 1.0), 1.0);
    }
    let i = select(piece, piece + 1u, far);
    let at = (trail_at(i) + trail_side(i) * right) / (frame.style.zw * 0.5);
    return TrailOut(vec4f(at, 0.0, 1.0), frame.trail[piece].w);
}

@fragment
fn fs_trail(v: TrailOut) -> @location(0) vec4f {
    let alpha = 0.25 + 0.70 * v.strength;
    return vec4f(TRAIL * alpha, alpha);
}
