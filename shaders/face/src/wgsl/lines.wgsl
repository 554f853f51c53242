// Lines over a face: the edges of its mesh, and three axes that turn with the head. Twin: `twin/lines.rs`.

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
